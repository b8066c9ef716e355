#include "onnx/importer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "base/limits.h"
#include "ir/infer.h"
#include "onnx/proto_writer.h"
#include "support/graphs.h"
#include "support/onnx_builder.h"

namespace tendon {
namespace {

using testing::as_bytes;
using testing::count_type;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::max_abs_difference;
using testing::OnnxBuilder;
using testing::random_tensor;
using testing::run_reference;

Graph import(const OnnxBuilder& model) {
  const std::string text = model.text();
  return graph_from_onnx_bytes(as_bytes(text), "test.onnx");
}

Tensor run(const OnnxBuilder& model, const Tensor& x) {
  Graph graph = import(model);
  bind_inputs(graph, {{"x", x.shape()}});
  return run_reference(graph, {{"x", x}}).at("y");
}

struct Failure {
  ErrorKind kind;
  std::string message;
};
Failure failure_of(const std::string& text) {
  try {
    Graph graph = graph_from_onnx_bytes(as_bytes(text), "test.onnx");
    bind_inputs(graph, {});
  } catch (const Error& error) {
    return {error.kind(), error.what()};
  }
  return {ErrorKind::kInternal, "no error"};
}

/// x -> Relu -> y
OnnxBuilder relu_model(int64_t opset = 17) {
  OnnxBuilder model(opset);
  model.input("x", {"2", "3"});
  model.node("Relu", {"x"}, {"y"}, {}, "relu");
  model.output("y");
  return model;
}

OnnxBuilder softmax_model(int64_t opset, std::string_view type, int64_t axis) {
  OnnxBuilder model(opset);
  model.input("x", {"2", "3", "4"});
  model.node(type, {"x"}, {"y"}, {{"axis", axis}});
  model.output("y");
  return model;
}

TEST(Importer, ReadsTheBundledPolicy) {
  Graph graph = graph_from_onnx_path(TENDON_SOURCE_DIR "/examples/transfer_cube/policy.onnx");
  const std::pair<std::string_view, size_t> counts[] = {
      {"LayerNormalization", 36},
      {"MatMul", 113},
      {"Softmax", 18},
      {"Gemm", 20},
      {"Conv", 63},
      {"Relu", 62},
      {"MaxPool", 3},
      {"Slice", 26},
      {"Sin", 6},
      {"Constant", 0},
  };
  for (const auto& [type, count] : counts) EXPECT_EQ(count_type(graph, type), count) << type;
  ASSERT_EQ(graph.inputs().size(), 2u);
  EXPECT_EQ(graph.inputs()[0].dims, (std::vector<Dim>{{-1, "batch"}, {14, ""}}));

  bind_inputs(graph, {{"qpos", {2, 14}}});
  ASSERT_EQ(graph.outputs().size(), 1u);
  EXPECT_EQ(graph.value(graph.outputs()[0]).name, "action");
  EXPECT_EQ(graph.shape(graph.outputs()[0]).rank(), 3);
  EXPECT_EQ(graph.shape(graph.outputs()[0])[0], 2);
}

TEST(Importer, KeepsMetadataNamesAndSymbols) {
  OnnxBuilder model;
  model.model_field(14, string_pair_message("robot", "aloha"));
  model.input("x", {"N", "", "4"});
  model.node("Relu", {"x"}, {"a"}, {}, "twice");
  model.node("Relu", {"a"}, {"b"}, {}, "twice");
  model.node("Relu", {"b"}, {"y"});
  model.output("y");
  const Graph graph = import(model);
  EXPECT_EQ(graph.name, "test");
  EXPECT_THAT(graph.metadata,
              ElementsAre(std::pair<const std::string, std::string>("robot", "aloha")));
  EXPECT_EQ(graph.inputs()[0].dims, (std::vector<Dim>{{-1, "N"}, {-1, ""}, {4, ""}}));
  std::vector<std::string> names;
  for (const Node& node : graph.nodes()) names.push_back(node.name);
  EXPECT_THAT(names, ElementsAre("twice", "twice_1", "y"));
}

TEST(Importer, TakesInitializersThatAreAlsoInputs) {
  OnnxBuilder model(9, 3);
  model.input("x", {"2"});
  model.input("w", {"2"});
  model.initializer("w", Tensor::from<float>({2}, {10, 20}));
  model.node("Add", {"x", "w"}, {"y"});
  model.output("y");
  EXPECT_EQ(import(model).inputs().size(), 1u);
  EXPECT_EQ(run(model, Tensor::from<float>({2}, {1, 2})), (Tensor::from<float>({2}, {11, 22})));
}

TEST(Importer, OrdersNodesAndSkipsOptionalInputs) {
  OnnxBuilder model;
  model.input("x", {"3"});
  model.node("Clip", {"b", "", "top"}, {"y"});
  model.node("Neg", {"x"}, {"b"});
  model.node("Constant", {}, {"top"}, {{"value_float", 0.5f}});
  model.output("y");
  EXPECT_EQ(run(model, Tensor::from<float>({3}, {-1, 2, 1})),
            (Tensor::from<float>({3}, {0.5f, -2, -1})));
}

TEST(Importer, ReadsOldAttributeFormsAndNewInputFormsAlike) {
  using Ints = std::vector<int64_t>;
  const Tensor x = random_tensor({2, 1, 3});
  const auto unsqueeze = [&](int64_t opset, bool as_input) {
    OnnxBuilder model(opset);
    model.input("x", {"2", "1", "3"});
    model.initializer("i0", Tensor::from<int64_t>({1}, {0}));
    model.initializer("i1", Tensor::from<int64_t>({1}, {1}));
    model.initializer("i2", Tensor::from<int64_t>({1}, {2}));
    const auto add = [&](const char* type, const std::string& input, const std::string& output,
                         const std::string& axis, Ints value) {
      if (as_input) {
        model.node(type, {input, axis}, {output});
      } else {
        model.node(type, {input}, {output}, {{"axes", value}});
      }
    };
    add("Unsqueeze", "x", "a", "i0", {0});
    add("ReduceSum", "a", "b", "i1", {1});
    add("Squeeze", "b", "y", "i2", {2});
    model.output("y");
    return run(model, x);
  };
  const Tensor expected = unsqueeze(13, true);
  EXPECT_EQ(expected.shape(), (Shape{1, 1, 3}));
  for (const int64_t opset : {9, 11, 12}) EXPECT_EQ(unsqueeze(opset, false), expected);
  for (const int64_t opset : {17, 18, 21}) EXPECT_EQ(unsqueeze(opset, true), expected);

  OnnxBuilder old(9);
  old.input("x", {"2", "1", "3"});
  old.node("Slice", {"x"}, {"a"}, {{"starts", Ints{1}}, {"ends", Ints{3}}, {"axes", Ints{2}}});
  old.node("Clip", {"a"}, {"b"}, {{"min", -0.1f}, {"max", 0.1f}});
  old.node("Pad", {"b"}, {"c"}, {{"pads", Ints{0, 0, 1, 0, 0, 0}}, {"value", 7.0f}});
  old.node("ReduceMax", {"c"}, {"y"}, {{"axes", Ints{1}}, {"keepdims", int64_t{0}}});
  old.output("y");
  const Tensor y = run(old, x);
  EXPECT_EQ(y.shape(), (Shape{2, 3}));
  EXPECT_EQ(y.data<float>()[0], 7.0f);
}

TEST(Importer, ExpandsSoftmaxOfOldOpsets) {
  const Tensor x = random_tensor({2, 3, 4});
  const Tensor flat = x.reshaped({2, 12});
  OnnxBuilder reference(13);
  reference.input("x", {"2", "12"});
  reference.node("Softmax", {"x"}, {"y"});
  reference.output("y");
  const Tensor expected = run(reference, flat).reshaped({2, 3, 4});
  EXPECT_EQ(run(softmax_model(12, "Softmax", 1), x), expected);
  EXPECT_NE(run(softmax_model(13, "Softmax", 1), x), expected);
  EXPECT_LT(max_abs_difference(run(softmax_model(11, "LogSoftmax", -1), x),
                               run(softmax_model(13, "LogSoftmax", -1), x)),
            1e-6);
}

TEST(Importer, RemovesDropout) {
  OnnxBuilder model(12);
  model.input("x", {"2"});
  model.node("Dropout", {"x"}, {"a", "mask"}, {{"ratio", 0.5f}});
  model.node("Cast", {"mask"}, {"m"}, {{"to", int64_t{1}}});
  model.node("Add", {"a", "m"}, {"y"});
  model.output("y");
  EXPECT_EQ(run(model, Tensor::from<float>({2}, {1, 2})), (Tensor::from<float>({2}, {2, 3})));
}

TEST(Importer, ReadsOpsets9To21) {
  for (int64_t opset = 9; opset <= 21; ++opset) EXPECT_NO_THROW(import(relu_model(opset))) << opset;
  for (const int64_t opset : {8, 22}) {
    const Failure failure = failure_of(relu_model(opset).text());
    EXPECT_EQ(failure.kind, ErrorKind::kUnsupported);
    EXPECT_THAT(failure.message,
                HasSubstr(fmt::format("uses opset {}; Tendon reads opsets 9 to 21", opset)));
  }
}

TEST(Importer, NamesAllUnsupportedOperatorsAtOnce) {
  OnnxBuilder model;
  model.input("x", {"2"});
  model.node("NonMaxSuppression", {"x"}, {"a"}, {}, "nms");
  model.node("BiasGelu", {"a"}, {"b"}, {}, "fused_gelu", "com.microsoft");
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
  model.node("Neg", {"d"}, {"f"}, {}, "shadowed");
  for (const auto& [domain, name] : {std::pair("functions", "MyLayer"), std::pair("", "Neg")}) {
    WireWriter function;
    function.text(1, name);
    function.text(10, domain);
    model.model_field(25, function);
  }
  const Failure failure = failure_of(model.text());
  EXPECT_EQ(failure.kind, ErrorKind::kUnsupported);
  for (const std::string_view part :
       {"'test.onnx': 27 nodes use what Tendon does not support:",
        "NonMaxSuppression (domain ai.onnx, opset 17): 1 nodes, 'nms'",
        "BiasGelu (domain com.microsoft, opset 3): 1 nodes, 'fused_gelu'",
        "Det (domain ai.onnx, opset 17): 20 nodes, 'det_0', 'det_1'", "'det_7' and 12 more",
        "FusedConv (domain tendon", "'ours'",
        "MyLayer (domain functions, opset 3), a function of the model (inline it", "'shadowed'",
        "attribute 'slope' of Relu", "'odd_relu'", "Cast element type string", "'to_string'"}) {
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
