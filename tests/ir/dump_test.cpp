#include "ir/dump.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/graphs.h"

namespace tendon {
namespace {

using ::testing::HasSubstr;

Graph reshape_and_softmax() {
  testing::GraphBuilder b;
  const ValueId x = b.input("x", {2, 3});
  const ValueId shape = b.constant(Tensor::from<int64_t>(Shape{1}, {6}), "shape");
  b.output(b.node(Softmax{{}, 0}, {b.node(Reshape{}, {x, shape}, "flat")}, "y"));
  Graph graph = b.done();
  graph.name = "small";
  return graph;
}

TEST(Dump, TextHasOneLineForEachNode) {
  EXPECT_EQ(text_from_graph(reshape_and_softmax()),
            "graph small\n"
            "%x: float32(2, 3) = input\n"
            "%shape: int64(1,) = constant [6]\n"
            "%flat: float32(6,) = Reshape %x, %shape\n"
            "%y: float32(6,) = Softmax(axis=0) %flat\n"
            "return %y\n");
}

TEST(Dump, DotConnectsProducersToReaders) {
  const std::string dot = dot_from_graph(reshape_and_softmax());
  EXPECT_THAT(dot, HasSubstr("v0 -> n0 [label=\"float32(2, 3)\"]"));
  EXPECT_THAT(dot, HasSubstr("n1 [label=\"Softmax(axis=0)\" tooltip=\"y\"]"));
  EXPECT_THAT(dot, HasSubstr("n1 -> o0"));
}

TEST(Dump, DotEscapesQuotes) {
  Graph graph = reshape_and_softmax();
  graph.name = "a\"b";
  EXPECT_THAT(dot_from_graph(graph), HasSubstr("digraph \"a\\\"b\""));
}

}  // namespace
}  // namespace tendon
