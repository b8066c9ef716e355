// What the importer refuses, and that every refusal says where and why.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "base/limits.h"
#include "onnx/import_cases.h"
#include "onnx/proto_writer.h"

namespace tendon {
namespace {

using testing::as_bytes;
using testing::Failure;
using testing::failure_of;
using ::testing::HasSubstr;
using testing::import;
using testing::OnnxBuilder;
using testing::relu_model;
using testing::softmax_model;

TEST(Importer, ReadsOpsets9To28) {
  for (int64_t opset = 9; opset <= 28; ++opset) EXPECT_NO_THROW(import(relu_model(opset))) << opset;
  for (const int64_t opset : {8, 29}) {
    const Failure failure = failure_of(relu_model(opset).text());
    EXPECT_EQ(failure.kind, ErrorKind::kUnsupported);
    EXPECT_THAT(failure.message,
                HasSubstr(fmt::format("uses opset {}; Tendon reads opsets 9 to 28", opset)));
  }
}

TEST(Importer, NamesAllUnsupportedOperatorsAtOnce) {
  OnnxBuilder model;
  model.input("x", {"2"});
  model.node("NonMaxSuppression", {"x"}, {"a"}, {}, "nms");
  model.node("LongformerAttention", {"a"}, {"b"}, {}, "long", "com.microsoft");
  for (int i = 0; i < 20; ++i) {
    const std::string name = "det_" + std::to_string(i);
    model.node("Det", {"b"}, {name}, {}, name);
  }
  for (const char* domain : {"com.microsoft", "tendon", "functions"}) {
    WireWriter import;
    import.text(1, domain);
    import.integer(2, 3);
    model.model_field(8, import);
  }
  model.node("FusedConv", {"b"}, {"c"}, {}, "ours", "tendon");
  model.node("MyLayer", {"c"}, {"d"}, {}, "called", "functions");
  model.node("Relu", {"d"}, {"e"}, {{"slope", 1.0f}}, "odd_relu");
  model.node("Cast", {"e"}, {"y"}, {{"to", int64_t{8}}}, "to_string");
  model.output("y");
  const Failure failure = failure_of(model.text());
  EXPECT_EQ(failure.kind, ErrorKind::kUnsupported);
  for (const std::string_view part :
       {"'test.onnx': 26 nodes use what Tendon does not support:",
        "NonMaxSuppression (domain ai.onnx, opset 17): 1 nodes, 'nms'",
        "LongformerAttention (domain com.microsoft, opset 3): 1 nodes, 'long'",
        "Det (domain ai.onnx, opset 17): 20 nodes, 'det_0', 'det_1'", "'det_7' and 12 more",
        "FusedConv (domain tendon", "'ours'",
        "MyLayer (domain functions, opset 3): 1 nodes, 'called'", "attribute 'slope' of Relu",
        "'odd_relu'", "Cast element type string", "'to_string'"}) {
    EXPECT_THAT(failure.message, HasSubstr(part));
  }
}

TEST(Importer, RefusesElementTypesOnlyWhereTheyAreUsed) {
  const auto with_strings = [](bool used) {
    OnnxBuilder model = relu_model();
    WireWriter tensor;
    tensor.integer(1, 1);
    tensor.integer(2, 8);
    tensor.text(6, "label");
    tensor.text(8, "labels");
    model.graph_field(5, tensor);
    if (used) model.node("Identity", {"labels"}, {"z"}), model.output("z");
    return model.text();
  };
  EXPECT_EQ(failure_of(with_strings(false)).message, "no error");
  const Failure failure = failure_of(with_strings(true));
  EXPECT_EQ(failure.kind, ErrorKind::kUnsupported);
  EXPECT_THAT(failure.message, HasSubstr("initializer: element type string"));
  EXPECT_THAT(failure.message, HasSubstr("'labels'"));
}

TEST(Importer, RefusesWeightsThatAreNotFinite) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  const auto model = [](std::string_view type, float value) {
    OnnxBuilder builder;
    builder.input("x", {"2", "2"});
    builder.initializer("w", Tensor::from<float>({2, 2}, {1, 1, 1, value}));
    builder.node(type, {"x", "w"}, {"y"});
    builder.output("y");
    return builder.text();
  };
  EXPECT_THAT(failure_of(model("MatMul", kNan)).message,
              HasSubstr("weight 'w': of shape (2, 2) has NaN at flat index 3"));
  EXPECT_THAT(failure_of(model("MatMul", kInfinity)).message,
              HasSubstr("has infinity at flat index 3"));
  EXPECT_THAT(failure_of(model("Add", kNan)).message, HasSubstr("has NaN at flat index 3"));
  EXPECT_EQ(failure_of(model("Add", -kInfinity)).message, "no error");
  const std::string unchecked = model("MatMul", kNan);
  EXPECT_NO_THROW(graph_from_onnx_bytes(as_bytes(unchecked), "m", {.check_finite = false}));
}

TEST(Importer, RefusesDamagedModels) {
  const auto change = [](const std::function<void(OnnxBuilder&)>& add) {
    OnnxBuilder model = relu_model();
    add(model);
    return model.text();
  };
  const auto node = [&](const char* type, const std::vector<std::string>& inputs,
                        const std::vector<std::string>& outputs) {
    return change([&](OnnxBuilder& model) { model.node(type, inputs, outputs, {}, "bad"); });
  };
  const auto constant = [&](const std::vector<std::string>& outputs) {
    return change([&](OnnxBuilder& model) {
      model.node("Constant", {}, outputs, {{"value_int", int64_t{1}}}, "bad");
      model.node("Neg", {"z"}, {"y2"});
      model.output("y2");
    });
  };
  WireWriter half_tensor;
  half_tensor.text(8, "w");
  half_tensor.integer(1, 4);
  half_tensor.integer(2, 1);
  half_tensor.text(9, "12345678");
  WireWriter no_kind;
  no_kind.text(1, "axis");
  WireWriter wrong_kind = no_kind;
  wrong_kind.integer(3, 1);
  wrong_kind.integer(20, 1);
  WireWriter two_values = no_kind;
  two_values.integer(3, 1);
  two_values.real(2, 1);
  const auto attribute = [&](const WireWriter& message, int times = 1) {
    WireWriter bad;
    bad.text(1, "x");
    bad.text(2, "z");
    bad.text(3, "bad");
    bad.text(4, "Softmax");
    for (int i = 0; i < times; ++i) bad.message(5, message);
    return change([&](OnnxBuilder& model) { model.graph_field(1, bad); });
  };
  WireWriter opset;
  opset.integer(2, 17);
  WireWriter no_type;
  no_type.text(1, "s");
  const struct {
    std::string text;
    std::string_view message;
  } cases[] = {
      {"", "'test.onnx': is empty"},
      {"PK\x03\x04 checkpoint", "is no ONNX model but a ZIP archive"},
      {"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"},
      {"\x89HDF\r\n", "an HDF5 file"},
      {"not a model", "not a valid ONNX model: "},
      {std::string(100, '\xff'), "not a valid ONNX model: damaged at byte 10"},
      {OnnxBuilder(17, 0).text(), "states no IR version"},
      {node("Relu", {"nowhere"}, {"z"}),
       "[Relu 'bad'] reads 'nowhere', which no node, input or initializer makes"},
      {node("Relu", {"x"}, {"y"}), "[Relu 'bad'] makes 'y', which [Relu 'relu'] makes too"},
      {node("Relu", {"y"}, {"x"}), "[Relu 'bad'] makes 'x', which an input or initializer makes"},
      {node("Relu", {"x"}, {}), "[Relu 'bad'] has no outputs"},
      {node("Relu", {"x"}, {""}), "[Relu 'bad'] has no outputs"},
      {node("Dropout", {"x"}, {"bad_y", "bad_mask", "bad_more"}),
       "output 'bad_more' is one more than Dropout"},
      {change([](OnnxBuilder& m) {
         m.node("Add", {"x", "b"}, {"a"}, {}, "first");
         m.node("Relu", {"a"}, {"b"}, {}, "second");
       }),
       "has a cycle through [Add 'first']"},
      {change([](OnnxBuilder& m) { m.output("nothing"); }), "output 'nothing' is made by no node"},
      {change([](OnnxBuilder& m) { m.output("y"); }), "output 'y' is listed twice"},
      {change([](OnnxBuilder& m) { m.input("x", {"2"}); }), "has two inputs 'x'"},
      {change([](OnnxBuilder& m) { m.input("", {"2"}); }), "input without a name"},
      {change([](OnnxBuilder& m) {
         m.initializer("w", Tensor::scalar(1.0f));
         m.initializer("w", Tensor::scalar(1.0f));
       }),
       "has two initializers 'w'"},
      {change([&](OnnxBuilder& m) { m.graph_field(5, half_tensor); }),
       "initializer 'w': of type float32(4,) holds 8 bytes, but needs 16"},
      {change([&](OnnxBuilder& m) { m.graph_field(11, no_type); }), "input of kind ''"},
      {change([&](OnnxBuilder& m) { m.model_field(8, opset); }),
       "imports operator set 'ai.onnx' twice"},
      {change([](OnnxBuilder& m) { m.model_field(7, WireWriter()); }), "holds two graphs"},
      {attribute(no_kind), "node 1 'bad': attribute 0 'axis': has neither kind nor value"},
      {attribute(wrong_kind), "states kind 1 but holds a value of kind 2"},
      {attribute(two_values), "holds values of two kinds"},
      {attribute(attribute_message("axis", int64_t{1}), 2), "has two attributes 'axis'"},
      {attribute(attribute_message("axis", 1.0f)),
       "[Softmax 'bad']: attribute 'axis' is of kind float, expected int"},
      {attribute(attribute_message("axis", int64_t{5})), "[Softmax 'bad']: axis 5 is outside"},
      {change([](OnnxBuilder& m) { m.node("Foo", {"x"}, {"z"}, {}, "bad", "elsewhere"); }),
       "[Foo 'bad']: is of domain 'elsewhere', of which the model imports no version"},
      {node("MatMul", {"x"}, {"z"}), "[MatMul 'bad']"},
      {node("MatMul", {"x", "x"}, {"z"}), "[MatMul 'bad']"},
      {node("Relu", {"x"}, {"z", "zz"}), "[Relu 'bad']"},
      {constant({"", "z"}), "[Constant 'bad']: has outputs [, z], expected a single one"},
      {constant({"z", "zz"}), "[Constant 'bad']: has outputs [z, zz], expected a single one"},
  };
  for (const auto& [text, message] : cases) {
    const Failure failure = failure_of(text);
    EXPECT_THAT(failure.message, HasSubstr(message));
    const bool is_unsupported = message == "input of kind ''";
    EXPECT_EQ(failure.kind, is_unsupported ? ErrorKind::kUnsupported : ErrorKind::kBadInput)
        << failure.message;
  }
}

TEST(Importer, RefusesEveryTruncation) {
  OnnxBuilder model = relu_model();
  model.initializer("w", Tensor::from<float>({2}, {1, 2}));
  const std::string text = model.text();
  for (size_t size = 0; size < text.size(); ++size) {
    const Failure failure = failure_of(text.substr(0, size));
    EXPECT_EQ(failure.kind, ErrorKind::kBadInput) << "after " << size << ": " << failure.message;
  }
}

TEST(Importer, SurvivesEveryFlippedBit) {
  OnnxBuilder model = softmax_model(12, "Softmax", 1);
  model.initializer("w", Tensor::from<float>({2}, {1, 2}));
  const std::string text = model.text();
  for (size_t bit = 0; bit < text.size() * 8; ++bit) {
    std::string damaged = text;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    const Failure failure = failure_of(damaged);
    EXPECT_TRUE(failure.kind == ErrorKind::kBadInput || failure.kind == ErrorKind::kUnsupported ||
                failure.message == "no error")
        << failure.message;
  }
}

TEST(Importer, StaysQuickWhereAllNodesShareAName) {
  OnnxBuilder model;
  model.input("x", {"1"});
  std::string last = "x";
  for (int i = 0; i < 20'000; ++i) {
    const std::string next = "v" + std::to_string(i);
    model.node("Relu", {last}, {next}, {}, "same");
    last = next;
  }
  model.output(last);
  const Graph graph = import(model);
  EXPECT_EQ(graph.nodes().back().name, "same_19999");
}

TEST(Importer, EnforcesLimits) {
  const Limits saved = limits();
  const std::string text = relu_model().text();
  limits().max_nodes = 0;
  EXPECT_THAT(failure_of(text).message, HasSubstr("has more than 0 nodes"));
  limits() = saved;
  limits().max_inline_model_bytes = 10;
  EXPECT_THAT(failure_of(text).message, HasSubstr("more than the limit of 10"));
  limits() = saved;
  limits().max_initializers = 1;
  OnnxBuilder model = relu_model();
  model.initializer("v", Tensor::scalar(1.0f));
  model.initializer("w", Tensor::scalar(1.0f));
  EXPECT_THAT(failure_of(model.text()).message, HasSubstr("has more than 1 initializers"));
  limits() = saved;
}

}  // namespace
}  // namespace tendon
