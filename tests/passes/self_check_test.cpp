#include "passes/self_check.h"

#include <cmath>

#include "support/files.h"
#include "support/rewrites.h"

namespace tendon {
namespace {

Graph graph_with_factor(float factor) {
  testing::GraphBuilder b;
  b.output(b.node(Binary{BinaryKind::kMul}, {b.input("x", {8}), b.constant(Tensor::scalar(factor))},
                  "y"));
  return b.done();
}

TEST(SelfCheck, AllowsRoundingAndRefusesMore) {
  require_same_results(graph_with_factor(1), graph_with_factor(1.00001f));
  testing::expect_error(ErrorKind::kInternal, {"output 'y' differs by"}, [] {
    require_same_results(graph_with_factor(1), graph_with_factor(1.01f));
  });
  testing::expect_error(ErrorKind::kInternal, {"output 'y' differs by nan"}, [] {
    require_same_results(graph_with_factor(1), graph_with_factor(std::nanf("")));
  });
}

TEST(SelfCheck, LargeGraphsAreLeftOut) {
  EXPECT_TRUE(is_small_enough_to_run(graph_with_factor(1)));
  testing::GraphBuilder b;
  b.output(b.node(MatMul{}, {b.input("a", {1000, 1000}), b.input("b", {1000, 1000})}));
  EXPECT_FALSE(is_small_enough_to_run(b.done()));
}

}  // namespace
}  // namespace tendon
