#include <gtest/gtest.h>

#include "ir/graph_edit.h"
#include "support/graphs.h"
#include "support/operators.h"

namespace tendon {
namespace {

using testing::GraphBuilder;

constexpr Unary kTanh{UnaryKind::kTanh};

TEST(Graph, KnownShapesFlowThroughShapeArithmetic) {
  GraphBuilder b;
  const ValueId x = b.input("x", {2, 3, 4});
  const ValueId shape = b.node(ShapeOf{}, {x});
  const ValueId twice = b.node(Binary{BinaryKind::kMul}, {shape, b.ints({2})});
  const ValueId half = b.node(Binary{BinaryKind::kDiv}, {twice, b.ints({2})});
  b.output(b.node(Reshape{}, {b.node(kRelu, {x}), half}));
  const Graph graph = b.done();
  EXPECT_EQ(graph.shape(graph.outputs()[0]), (Shape{2, 3, 4}));
}

TEST(GraphEdit, ReplaceKeepsOutputNameAndRemovesTheUnused) {
  GraphBuilder b;
  const ValueId x = b.input("x", {2});
  const ValueId relu = b.node(kRelu, {x});
  const ValueId out = b.node(kTanh, {relu}, "out");
  b.output(out);
  Graph graph = b.done();
  GraphEdit edit(graph);
  edit.replace(out, edit.add_node(kRelu, {x}, "new"));
  edit.apply();
  EXPECT_EQ(testing::count_nodes<Unary>(graph), 1u);
  EXPECT_EQ(graph.value(graph.outputs()[0]).name, "out");
  graph.compact();
  EXPECT_EQ(graph.nodes().size(), 1u);
  EXPECT_EQ(graph.values().size(), 2u);
}

TEST(GraphEdit, ReplacementMayReadTheReplaced) {
  GraphBuilder b;
  const ValueId x = b.input("x", {2});
  const ValueId relu = b.node(kRelu, {x});
  b.output(b.node(kAdd, {relu, relu}));
  Graph graph = b.done();
  GraphEdit edit(graph);
  const ValueId tanh = edit.add_node(kTanh, {relu}, "tanh");
  edit.replace(relu, edit.add_node(kTanh, {tanh}, "tanh2"));
  edit.apply();
  EXPECT_EQ(graph.topological_order().size(), 4u);
}

TEST(GraphEdit, WithoutApplyNothingChanges) {
  GraphBuilder b;
  const ValueId x = b.input("x", {2});
  b.output(b.node(kRelu, {x}));
  Graph graph = b.done();
  {
    GraphEdit edit(graph);
    edit.add_node(kTanh, {x}, "tanh");
  }
  EXPECT_EQ(graph.nodes().size(), 1u);
}

TEST(GraphEdit, RefusesAReplacementOfAnotherType) {
  GraphBuilder b;
  const ValueId x = b.input("x", {2});
  const ValueId relu = b.node(kRelu, {x});
  b.output(relu);
  Graph graph = b.done();
  GraphEdit edit(graph);
  edit.replace(relu, edit.add_constant(Tensor::scalar(1.0f), "one"));
  EXPECT_THROW(edit.apply(), Error);
}

// A node of the edit is the last one, where the order is open, unless it takes another's place.
TEST(GraphEdit, ANewNodeTakesThePlaceOfOneThatIsGone) {
  for (const bool takes_place : {false, true}) {
    GraphBuilder b;
    const ValueId x = b.input("x", {2});
    const ValueId early = b.node(kRelu, {x}, "early");
    const ValueId late = b.node(kTanh, {b.node(kTanh, {x}, "first")}, "late");
    b.output(b.node(kAdd, {early, late}, "y"));
    Graph graph = b.done();
    GraphEdit edit(graph);
    const ValueId made = edit.add_node(kTanh, {x}, "made");
    edit.replace(early, made);
    if (takes_place) edit.take_place(made, graph.value(early).producer);
    edit.apply();
    EXPECT_NO_THROW(check(graph));
    std::vector<std::string> names;
    for (const NodeId id : graph.topological_order()) names.push_back(graph.node(id).name);
    EXPECT_EQ(std::ranges::find(names, "made") - names.begin(), takes_place ? 0 : 2);
  }
}

TEST(BindInputs, NamesBothShapes) {
  Graph graph;
  const ValueId x = graph.add_input("x", DataType::kFloat32, {{-1, "batch"}, {14, ""}});
  graph.add_output(graph.node(graph.add_node(kRelu, {x}, {"y"}, "relu")).outputs[0]);
  Graph bound = graph;
  bind_inputs(bound, {{"x", Shape{8, 14}}});
  EXPECT_EQ(bound.shape(bound.outputs()[0]), (Shape{8, 14}));
  try {
    bind_inputs(graph, {{"x", Shape{8, 7}}});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_STREQ(error.what(), "input 'x' was given shape (8, 7), but the model has (batch, 14)");
  }
}

TEST(Graph, NamesOfValuesBecomeUnique) {
  testing::GraphBuilder b;
  const ValueId x = b.input("x", {2});
  const ValueId a = b.node(Identity{}, {x}, "x");
  const ValueId c = b.node(Identity{}, {a}, "y");
  const ValueId d = b.node(Identity{}, {c}, "y.1");
  b.output(b.node(Identity{}, {d}, "y"));
  Graph graph = b.done();
  graph.make_value_names_unique();
  std::vector<std::string> names;
  for (const Value& value : graph.values()) names.push_back(value.name);
  EXPECT_EQ(names, (std::vector<std::string>{"x", "x.1", "y.1", "y.1.1", "y"}))
      << "inputs and outputs keep theirs";
}

}  // namespace
}  // namespace tendon
