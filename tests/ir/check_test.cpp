#include "ir/check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ir/graph_edit.h"
#include "support/graphs.h"
#include "support/operators.h"

namespace tendon {
namespace {

using ::testing::HasSubstr;

std::string message_of(const Graph& graph) {
  try {
    check(graph);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInternal);
    return error.what();
  }
  return "";
}

TEST(Check, AcceptsAGraphAfterEdits) {
  testing::GraphBuilder b;
  const ValueId x = b.input("x", {2});
  const ValueId y = b.node(kRelu, {x});
  b.output(b.node(Softmax{}, {y}));
  Graph graph = b.done();
  EXPECT_EQ(message_of(graph), "");
  GraphEdit edit(graph);
  edit.replace(y, x);
  edit.apply();
  EXPECT_EQ(message_of(graph), "");
  graph.compact();
  EXPECT_EQ(message_of(graph), "");
}

TEST(Check, NamesANodeWithoutTypes) {
  Graph graph;
  const ValueId x = graph.add_input("x", DataType::kFloat32, {{2, ""}});
  graph.add_output(graph.node(graph.add_node(kRelu, {x}, {"y"}, "relu")).outputs[0]);
  EXPECT_THAT(message_of(graph), HasSubstr("[Relu 'relu']: 'y' has no type"));
}

TEST(Check, NamesANodeWhoseTypeIsStale) {
  testing::GraphBuilder b;
  const ValueId x = b.input("x", {2, 4});
  b.output(b.node(Reshape{}, {x, b.ints({8})}, "flat"));
  Graph graph = b.done();
  const ValueId other = graph.add_constant(Tensor::from<int64_t>(Shape{2}, {4, 2}), "other");
  GraphEdit edit(graph);
  edit.set_input(0, 1, other);
  edit.apply();
  EXPECT_THAT(message_of(graph), HasSubstr("'flat' is recorded as float32(8,), but the operator "
                                           "makes float32(4, 2)"));
}

TEST(Check, NamesTheNodeOnACycle) {
  testing::GraphBuilder b;
  const ValueId x = b.input("x", {2});
  const ValueId first = b.node(kRelu, {x}, "first");
  const ValueId second = b.node(kRelu, {first}, "second");
  b.output(second);
  Graph graph = b.done();
  GraphEdit edit(graph);
  edit.set_input(0, 0, second);
  edit.apply();
  EXPECT_THAT(message_of(graph), HasSubstr("cycle through [Relu 'first']"));
}

TEST(Check, NamesAnOutputThatNothingMakes) {
  testing::GraphBuilder b;
  const ValueId x = b.input("x", {2});
  const ValueId y = b.node(kRelu, {x}, "y");
  b.output(y);
  Graph graph = b.done();
  GraphEdit edit(graph);
  edit.remove_unused(0);
  EXPECT_THAT(message_of(graph), HasSubstr("'y' names another producer"));
}

}  // namespace
}  // namespace tendon
