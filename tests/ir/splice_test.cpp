// Nodes put in and left out keep the names of a graph's outputs, or are refused.
#include "ir/splice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/graphs.h"

namespace tendon {
namespace {

using ::testing::HasSubstr;

template <class Change>
std::string refusal(const Change& change) {
  try {
    change();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    return error.what();
  }
  return "";
}

TEST(Splice, TwoOutputsMayNotBecomeOneValue) {
  testing::GraphBuilder b;
  const ValueId x = b.node(Unary{UnaryKind::kExp}, {b.input("x", {2})}, "exp");
  b.output(b.node(Unary{UnaryKind::kRelu}, {x}, "first"));
  b.output(b.node(Unary{UnaryKind::kTanh}, {x}, "second"));
  const Graph graph = b.done();
  EXPECT_THAT(refusal([&] {
                with_nodes_removed(graph, {"first", "second"});
              }),
              HasSubstr("has a name of its own already"));
  EXPECT_EQ(with_nodes_removed(graph, {"first"}).outputs().size(), 2u);
}

TEST(Splice, AnInputThatIsAnOutputKeepsItsOneName) {
  testing::GraphBuilder b;
  const ValueId x = b.input("x", {2});
  b.output(x);
  EXPECT_THAT(refusal([&, graph = b.done()] {
                with_node_inserted(graph, {"tanh", Unary{UnaryKind::kTanh}, {"x"}, {"x"}});
              }),
              HasSubstr("would need two names"));
}

}  // namespace
}  // namespace tendon
