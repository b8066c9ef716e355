#include <gtest/gtest.h>

#include "ir/check.h"
#include "passes/passes.h"
#include "support/graphs.h"

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
  const Graph before = b.done();
  Graph after = before;
  EXPECT_TRUE(channels_last(after));
  EXPECT_FALSE(channels_last(after));
  while (merge_views(after) || eliminate_common_subexpressions(after)) {
  }
  check(after);
  EXPECT_EQ(count_nodes<Transpose>(after), 2u);
  const TensorMap inputs = testing::random_inputs(before);
  EXPECT_LE(testing::max_abs_difference(testing::run_reference(before, inputs),
                                        testing::run_reference(after, inputs)),
            1e-5);
}

TEST(ChannelsLast, OtherRanksStay) {
  GraphBuilder b;
  FusedConv op;
  op.kernel_shape = {3};
  b.output(b.node(op, {b.input("x", {2, 3, 12}), b.random_constant({8, 3, 3})}));
  Graph graph = b.done();
  EXPECT_FALSE(channels_last(graph));
}

}  // namespace
}  // namespace tendon
