#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/limits.h"
#include "onnx/import_cases.h"
#include "onnx/proto_writer.h"
#include "support/graphs.h"

namespace tendon {
namespace {

using testing::count_type;
using testing::Failure;
using testing::failure_of;
using ::testing::HasSubstr;
using testing::import;
using testing::OnnxBuilder;
using testing::run_reference;

WireWriter opset_message(std::string_view domain, int64_t version) {
  WireWriter message;
  message.text(1, domain);
  message.integer(2, version);
  return message;
}

struct Part {
  std::string_view type;
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  std::string_view domain = "";
  std::vector<WireWriter> attributes = {};
};

WireWriter node_message(const Part& part) {
  WireWriter message;
  for (const std::string& input : part.inputs) message.text(1, input);
  for (const std::string& output : part.outputs) message.text(2, output);
  message.text(4, part.type);
  for (const WireWriter& attribute : part.attributes) message.message(5, attribute);
  if (!part.domain.empty()) message.text(7, part.domain);
  return message;
}

/// An attribute that takes the value of the call's attribute `reference`.
WireWriter reference_message(std::string_view name, std::string_view reference, int64_t kind) {
  WireWriter message;
  message.text(1, name);
  message.integer(20, kind);
  message.text(21, reference);
  return message;
}

WireWriter function_message(std::string_view name, const std::vector<std::string>& inputs,
                            const std::vector<std::string>& outputs, const std::vector<Part>& parts,
                            int64_t opset = 17) {
  WireWriter message;
  message.text(1, name);
  for (const std::string& input : inputs) message.text(4, input);
  for (const std::string& output : outputs) message.text(5, output);
  for (const Part& part : parts) message.message(7, node_message(part));
  message.message(9, opset_message("", opset));
  message.message(9, opset_message("mine", 1));
  message.text(10, "mine");
  return message;
}

OnnxBuilder calling(std::string_view type, const std::vector<std::string>& inputs,
                    const Attributes& attributes = {}) {
  OnnxBuilder model;
  model.model_field(8, opset_message("mine", 1));
  model.input("x", {"3"});
  model.node(type, inputs, {"y"}, attributes, "call", "mine");
  model.output("y");
  return model;
}

Tensor run(const OnnxBuilder& model, const std::vector<float>& x) {
  Graph graph = import(model);
  bind_inputs(graph, {});
  return run_reference(graph, {{"x", Tensor::from<float>({3}, x)}}).at("y");
}

Tensor floats(const std::vector<float>& values) { return Tensor::from<float>({3}, values); }

// write Call(x) -> the nodes of the function, with outer names and the call's attributes
TEST(Inline, FunctionsBecomeTheirNodes) {
  OnnxBuilder model = calling("Twice", {"x", "", "x"}, {{"slope", 0.5f}});
  const Part inner{"Leaky", {"a"}, {"h"}, "mine", {reference_message("alpha", "slope", 1)}};
  const Part add{"Add", {"h", "c"}, {"out"}};
  model.model_field(25, function_message("Twice", {"a", "b", "c"}, {"out"}, {inner, add}));
  const Part relu{"LeakyRelu", {"h"}, {"out"}, "", {reference_message("alpha", "alpha", 1)}};
  model.model_field(25, function_message("Leaky", {"h"}, {"out"}, {relu}));
  EXPECT_EQ(run(model, {-2, 0, 4}), floats({-3, 0, 8}));
  const Graph graph = import(model);
  EXPECT_EQ(graph.nodes()[0].name, "call/Leaky/LeakyRelu");
}

TEST(Inline, AttributesOfACallFallBackToDefaults) {
  OnnxBuilder model = calling("Leaky", {"x"});
  const Part relu{"LeakyRelu", {"a"}, {"out"}, "", {reference_message("alpha", "slope", 1)}};
  WireWriter function = function_message("Leaky", {"a"}, {"out"}, {relu});
  function.message(11, attribute_message("slope", 0.25f));
  model.model_field(25, function);
  EXPECT_EQ(run(model, {-4, 0, 4}), floats({-1, 0, 4}));
}

TEST(Inline, AFunctionKeepsItsOwnOpset) {
  OnnxBuilder model = calling("Sum1", {"x"});
  WireWriter axes;
  axes.text(1, "axes");
  axes.packed_integers(8, std::vector<int64_t>{0});
  axes.integer(20, 7);
  const Part part{"ReduceSum", {"a"}, {"out"}, "", {axes}};
  model.model_field(25, function_message("Sum1", {"a"}, {"out"}, {part}, 11));
  EXPECT_EQ(run(model, {1, 2, 3}), Tensor::from<float>({1}, {6}));
}

TEST(Inline, AFunctionMayTakeThePlaceOfAnOperator) {
  OnnxBuilder model;
  model.input("x", {"3"});
  model.node("Neg", {"x"}, {"y"});
  model.output("y");
  WireWriter function;
  function.text(1, "Neg");
  function.text(4, "a");
  function.text(5, "b");
  function.message(7, node_message({"Abs", {"a"}, {"b"}}));
  function.message(9, opset_message("", 17));
  model.model_field(25, function);
  EXPECT_EQ(run(model, {-1, 2, -3}), floats({1, 2, 3}));
}

TEST(Inline, EndlessAndHugeFunctionsAreRefused) {
  OnnxBuilder endless = calling("Again", {"x"});
  const Part again{"Again", {"a"}, {"b"}, "mine"};
  endless.model_field(25, function_message("Again", {"a"}, {"b"}, {again}));
  Failure failure = failure_of(endless.text());
  EXPECT_EQ(failure.kind, ErrorKind::kBadInput);
  EXPECT_THAT(failure.message, HasSubstr("nests functions more than 32 deep"));

  // Each calls the next one twice: 2^24 nodes from a small file.
  OnnxBuilder huge = calling("f0", {"x"});
  for (int i = 0; i < 24; ++i) {
    const std::string next = "f" + std::to_string(i + 1);
    const std::vector<Part> parts = {{next, {"a"}, {"h"}, "mine"}, {next, {"h"}, {"b"}, "mine"}};
    huge.model_field(25, function_message("f" + std::to_string(i), {"a"}, {"b"}, parts));
  }
  huge.model_field(25, function_message("f24", {"a"}, {"b"}, {{"Relu", {"a"}, {"b"}}}));
  const int64_t before = limits().max_nodes;
  limits().max_nodes = 1000;
  failure = failure_of(huge.text());
  limits().max_nodes = before;
  EXPECT_EQ(failure.kind, ErrorKind::kBadInput);
  EXPECT_THAT(failure.message, HasSubstr("more than 1000 nodes once its functions"));
}

TEST(Inline, CallsThatDoNotFitAreRefused) {
  OnnxBuilder inputs = calling("F", {"x", "x"});
  inputs.model_field(25, function_message("F", {"a"}, {"b"}, {{"Relu", {"a"}, {"b"}}}));
  EXPECT_THAT(failure_of(inputs.text()).message, HasSubstr("has 2 inputs and 1 outputs, but"));
  OnnxBuilder output = calling("F", {"x"});
  output.model_field(25, function_message("F", {"a"}, {"z"}, {{"Relu", {"a"}, {"b"}}}));
  EXPECT_THAT(failure_of(output.text()).message, HasSubstr("does not make its output 'z'"));
  OnnxBuilder twice = calling("F", {"x"});
  for (int i = 0; i < 2; ++i) {
    twice.model_field(25, function_message("F", {"a"}, {"b"}, {{"Relu", {"a"}, {"b"}}}));
  }
  EXPECT_THAT(failure_of(twice.text()).message, HasSubstr("defines function 'F' twice"));
}

WireWriter branch_attribute(std::string_view name, const Part& part, std::string_view output) {
  WireWriter graph;
  graph.message(1, node_message(part));
  graph.message(5, tensor_message("bias", Tensor::from<float>({1}, {10})));
  WireWriter value;
  value.text(1, output);
  graph.message(12, value);
  WireWriter attribute;
  attribute.text(1, name);
  attribute.message(6, graph);
  attribute.integer(20, 5);
  return attribute;
}

OnnxBuilder if_model(bool constant) {
  OnnxBuilder model;
  model.input("x", {"3"});
  if (!constant) model.input("condition", {}, DataType::kBool);
  WireWriter node;
  node.text(1, "condition");
  node.text(2, "y");
  node.text(3, "choose");
  node.text(4, "If");
  node.message(5, branch_attribute("then_branch", {"Add", {"x", "bias"}, {"h"}}, "h"));
  node.message(5, branch_attribute("else_branch", {"Sub", {"x", "bias"}, {"h"}}, "h"));
  model.graph_field(1, node);
  model.output("y");
  return model;
}

// write If(constant) -> the branch that it chooses
TEST(Inline, AConstantConditionChoosesItsBranch) {
  for (const bool condition : {true, false}) {
    OnnxBuilder model = if_model(true);
    model.initializer("condition", Tensor::scalar(condition));
    EXPECT_EQ(run(model, {1, 2, 3}), condition ? floats({11, 12, 13}) : floats({-9, -8, -7}));
  }
}

TEST(Inline, AComputedConditionIsNamed) {
  const Failure failure = failure_of(if_model(false).text());
  EXPECT_EQ(failure.kind, ErrorKind::kUnsupported);
  EXPECT_THAT(failure.message, HasSubstr("If chooses a branch while running"));
  EXPECT_THAT(failure.message, HasSubstr("'choose'"));
}

TEST(Inline, DeeplyNestedGraphsAreRefused) {
  WireWriter attribute = branch_attribute("then_branch", {"Relu", {"x"}, {"h"}}, "h");
  for (int i = 0; i < 40; ++i) {
    const Part part{"If", {"c"}, {"h"}, "", {attribute}};
    attribute = branch_attribute("then_branch", part, "h");
  }
  OnnxBuilder model;
  model.input("x", {"3"});
  model.graph_field(1, node_message({"If", {"x"}, {"y"}, "", {attribute}}));
  model.output("y");
  const Failure failure = failure_of(model.text());
  EXPECT_EQ(failure.kind, ErrorKind::kBadInput);
  EXPECT_THAT(failure.message, HasSubstr("nests graphs more than 32 deep"));
}

}  // namespace
}  // namespace tendon
