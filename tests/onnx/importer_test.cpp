#include "onnx/importer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "onnx/import_cases.h"
#include "onnx/proto_writer.h"
#include "support/graphs.h"

namespace tendon {
namespace {

using testing::count_type;
using ::testing::ElementsAre;
using testing::import;
using testing::max_abs_difference;
using testing::OnnxBuilder;
using testing::random_tensor;
using testing::softmax_model;
using testing::y_of;

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
  EXPECT_EQ(y_of(model, Tensor::from<float>({2}, {1, 2})), (Tensor::from<float>({2}, {11, 22})));
}

TEST(Importer, OrdersNodesAndSkipsOptionalInputs) {
  OnnxBuilder model;
  model.input("x", {"3"});
  model.node("Clip", {"b", "", "top"}, {"y"});
  model.node("Neg", {"x"}, {"b"});
  model.node("Constant", {}, {"top"}, {{"value_float", 0.5f}});
  model.output("y");
  EXPECT_EQ(y_of(model, Tensor::from<float>({3}, {-1, 2, 1})),
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
    return y_of(model, x);
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
  const Tensor y = y_of(old, x);
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
  const Tensor expected = y_of(reference, flat).reshaped({2, 3, 4});
  EXPECT_EQ(y_of(softmax_model(12, "Softmax", 1), x), expected);
  EXPECT_NE(y_of(softmax_model(13, "Softmax", 1), x), expected);
  EXPECT_LT(max_abs_difference(y_of(softmax_model(11, "LogSoftmax", -1), x),
                               y_of(softmax_model(13, "LogSoftmax", -1), x)),
            1e-6);
}

TEST(Importer, RemovesDropout) {
  OnnxBuilder model(12);
  model.input("x", {"2"});
  model.node("Dropout", {"x"}, {"a", "mask"}, {{"ratio", 0.5f}});
  model.node("Cast", {"mask"}, {"m"}, {{"to", int64_t{1}}});
  model.node("Add", {"a", "m"}, {"y"});
  model.output("y");
  EXPECT_EQ(y_of(model, Tensor::from<float>({2}, {1, 2})), (Tensor::from<float>({2}, {2, 3})));
}

}  // namespace
}  // namespace tendon
