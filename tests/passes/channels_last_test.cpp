#include "passes/passes.h"
#include "support/rewrites.h"

namespace tendon {
namespace {

using testing::count_nodes;
using testing::GraphBuilder;

FusedConv conv(int64_t stride) {
  FusedConv op;
  op.kernel_shape = {3, 3};
  op.strides = {stride, stride};
  op.pads = {1, 1, 1, 1};
  op.activation = Activation::kRelu;
  return op;
}

// rewrite MaxPool(FusedConv(x)) -> Transpose(MaxPool(FusedConv(Transpose(x))))
TEST(ChannelsLast, ResidualBlockNeedsTransposesOnlyAtItsEnds) {
  GraphBuilder b;
  const ValueId x = b.input("x", {2, 3, 12, 10});
  const ValueId first = b.node(conv(2), {x, b.random_constant({8, 3, 3, 3})});
  const ValueId second =
      b.node(conv(1), {first, b.random_constant({8, 8, 3, 3}), b.random_constant({8}), first});
  MaxPool pool;
  pool.kernel_shape = {2, 2};
  b.output(b.node(pool, {second}));
  const Graph after =
      testing::rewritten(b.done(), {channels_last, merge_views, eliminate_common_subexpressions});
  EXPECT_EQ(count_nodes<Transpose>(after), 2u);
}

TEST(ChannelsLast, OtherRanksStay) {
  GraphBuilder b;
  FusedConv op;
  op.kernel_shape = {3};
  b.output(b.node(op, {b.input("x", {2, 3, 12}), b.random_constant({8, 3, 3})}));
  testing::expect_unchanged(b.done(), channels_last);
}

}  // namespace
}  // namespace tendon
