#include "passes/passes.h"
#include "support/operators.h"
#include "support/rewrites.h"

namespace tendon {
namespace {

using ::testing::ElementsAre;
using testing::GraphBuilder;

// rewrite LayerNormalization(Add(x, r), w, b) -> AddLayerNormalization(x, r, w, b)
TEST(FuseAddLayerNormalization, AddBeforeTheNorm) {
  GraphBuilder b;
  const ValueId sum = b.node(kAdd, {b.input("x", {2, 3, 8}), b.input("r", {2, 3, 8})});
  b.output(b.node(LayerNormalization{.epsilon = 1e-3f},
                  {sum, b.random_constant({8}), b.random_constant({8})}));
  const Graph after = testing::rewritten(b.done(), fuse_add_layer_normalization);
  EXPECT_THAT(testing::types_of(after), ElementsAre("AddLayerNormalization"));
}

TEST(FuseAddLayerNormalization, BroadcastOrSharedSumsStay) {
  GraphBuilder b;
  const ValueId x = b.input("x", {2, 3, 8});
  const ValueId scale = b.random_constant({8});
  const ValueId row = b.node(kAdd, {x, b.random_constant({8})});
  b.output(b.node(LayerNormalization{}, {row, scale}));
  const ValueId shared = b.node(kAdd, {x, b.input("r", {2, 3, 8})});
  b.output(b.node(LayerNormalization{}, {shared, scale}));
  b.output(shared);
  testing::expect_unchanged(b.done(), fuse_add_layer_normalization);
}

}  // namespace
}  // namespace tendon
