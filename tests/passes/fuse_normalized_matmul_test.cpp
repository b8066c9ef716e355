#include "passes/passes.h"
#include "support/rewrites.h"

namespace tendon {
namespace {

using ::testing::ElementsAre;
using testing::GraphBuilder;

ValueId product(GraphBuilder& b, ValueId x, Activation activation = Activation::kNone) {
  return b.node(FusedMatMul{.alpha = 0.5f, .activation = activation},
                {x, b.random_constant({8, 8}), b.random_constant({8}), x});
}
ValueId norm(GraphBuilder& b, ValueId x) {
  return b.node(LayerNormalization{.epsilon = 1e-3f},
                {x, b.random_constant({8}), b.random_constant({8})});
}

// rewrite LayerNormalization(FusedMatMul(x, w, b, r), s, t) -> NormalizedMatMul(x, w, b, r, s, t)
TEST(FuseNormalizedMatmul, TheNormBetweenTwoProducts) {
  GraphBuilder b;
  b.output(product(b, norm(b, product(b, b.input("x", {3, 2, 8})))));
  const Graph after = testing::rewritten(b.done(), fuse_normalized_matmul);
  EXPECT_THAT(testing::types_of(after), ElementsAre("NormalizedMatMul", "FusedMatMul"));
}

TEST(FuseNormalizedMatmul, OtherNormsStay) {
  GraphBuilder b;
  const ValueId x = b.input("x", {3, 8});
  b.output(norm(b, product(b, x)));
  b.output(product(b, norm(b, product(b, x, Activation::kRelu))));
  const ValueId shown = product(b, x);
  b.output(shown);
  b.output(product(b, norm(b, shown)));
  const ValueId variable = b.node(FusedMatMul{}, {x, b.input("w", {8, 8})});
  b.output(product(b, norm(b, variable)));
  testing::expect_unchanged(b.done(), fuse_normalized_matmul);
}

}  // namespace
}  // namespace tendon
