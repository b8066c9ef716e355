#include <gtest/gtest.h>

#include "passes/passes.h"
#include "support/graphs.h"
#include "support/rewrites.h"

namespace tendon {
namespace {

using testing::count_nodes;
using testing::GraphBuilder;
using testing::max_abs_difference;
using testing::random_inputs;
using testing::run_reference;

struct EinsumCase {
  std::string equation;
  std::vector<Shape> shapes;
  size_t products;
};

Graph graph_of(const EinsumCase& row) {
  GraphBuilder b;
  std::vector<ValueId> inputs;
  for (const Shape& shape : row.shapes) {
    inputs.push_back(b.input("x" + std::to_string(inputs.size()), shape));
  }
  b.output(b.node(Einsum{.equation = row.equation}, inputs, "einsum"));
  return b.done();
}

// rewrite Einsum(a, b) -> Transpose, Reshape, MatMul, Reshape, Transpose
TEST(ExpandEinsum, WritesProductsAndSums) {
  const EinsumCase cases[] = {
      {"ij,jk->ik", {{2, 3}, {3, 4}}, 1},
      {"bhid,bhjd->bhij", {{2, 3, 4, 5}, {2, 3, 6, 5}}, 1},
      {"bhij,bhjd->bihd", {{2, 3, 4, 6}, {2, 3, 6, 5}}, 1},
      {"...ij,...kj->...ik", {{2, 3, 4, 5}, {2, 3, 6, 5}}, 1},
      {"ijk,kl->li", {{2, 3, 4}, {4, 5}}, 1},
      {"i,j->ij", {{2}, {3}}, 1},
      {"ij,ij->", {{2, 3}, {2, 3}}, 1},
      {"abc->cb", {{2, 3, 4}}, 0},
      {"ab -> ba", {{2, 3}}, 0},
  };
  for (const EinsumCase& row : cases) {
    SCOPED_TRACE(row.equation);
    Graph graph = graph_of(row);
    const TensorMap inputs = random_inputs(graph);
    const TensorMap expected = run_reference(graph, inputs);
    EXPECT_TRUE(expand_einsum(graph));
    EXPECT_EQ(count_nodes<Einsum>(graph), 0u);
    EXPECT_EQ(count_nodes<MatMul>(graph), row.products);
    EXPECT_LT(max_abs_difference(run_reference(graph, inputs), expected), 1e-6);
  }
}

TEST(ExpandEinsum, LeavesDiagonalsBroadcastingAndThreeOperands) {
  const EinsumCase cases[] = {
      {"ii->i", {{3, 3}}, 0},
      {"...i,...i->...", {{1, 3}, {2, 3}}, 0},
      {"ij,jk,kl->il", {{2, 3}, {3, 4}, {4, 5}}, 0},
      {"ij->ij", {{2, 3}}, 0},
  };
  for (const EinsumCase& row : cases) {
    SCOPED_TRACE(row.equation);
    Graph graph = graph_of(row);
    EXPECT_FALSE(expand_einsum(graph));
    EXPECT_EQ(count_nodes<Einsum>(graph), 1u);
  }
}

}  // namespace
}  // namespace tendon
