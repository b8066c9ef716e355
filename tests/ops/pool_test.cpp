// MaxPool, AveragePool and GlobalPool: both layouts alike, NaN, and windows that do not fit.
#include <limits>

#include "support/graphs.h"
#include "support/run_op.h"

namespace tendon {
namespace {

using namespace testing;

Tensor to_last(const Tensor& x) { return run_op(Transpose{{}, {0, 2, 3, 1}}, {x})[0]; }

template <class Pool>
Pool pool(bool channels_last) {
  Pool op;
  op.kernel_shape = {3, 2};
  op.strides = {2, 1};
  op.pads = {1, 0, 2, 1};
  op.dilations = {1, 2};
  op.ceil_mode = true;
  op.channels_last = channels_last;
  return op;
}

TEST(Pools, ChannelsLastIsTheSameInAnotherOrder) {
  const Tensor x = random_tensor({2, 3, 6, 7});
  EXPECT_EQ(run_op(pool<MaxPool>(true), {to_last(x)})[0],
            to_last(run_op(pool<MaxPool>(false), {x})[0]));
  EXPECT_EQ(run_op(pool<AveragePool>(true), {to_last(x)})[0],
            to_last(run_op(pool<AveragePool>(false), {x})[0]));
  for (const GlobalPoolKind kind : {GlobalPoolKind::kAverage, GlobalPoolKind::kMax}) {
    EXPECT_EQ(run_op(GlobalPool{kind, true}, {to_last(x)})[0],
              to_last(run_op(GlobalPool{kind, false}, {x})[0]));
  }
}

TEST(AveragePool, CountsPaddingOnlyWhereAsked) {
  AveragePool op;
  op.kernel_shape = {3};
  op.strides = {3};
  op.pads = {1, 0};
  op.ceil_mode = true;
  const Tensor x = floats({1, 1, 3}, {6, 6, 6});
  EXPECT_EQ(run_op(op, {x})[0], floats({1, 1, 2}, {6, 6}));
  op.count_include_pad = true;
  // The first window holds one pad; the second reaches past input and padding, which never counts.
  EXPECT_EQ(run_op(op, {x})[0], floats({1, 1, 2}, {4, 6}));
}

TEST(MaxPool, LetsNaNThrough) {
  MaxPool op;
  op.kernel_shape = {2};
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const auto outputs = run_op(op, {floats({1, 1, 4}, {1, nan, 9, 3})});
  EXPECT_TRUE(std::isnan(outputs[0].data<float>()[0]));
  EXPECT_TRUE(std::isnan(outputs[0].data<float>()[1]));
  EXPECT_EQ(outputs[0].data<float>()[2], 9);
  EXPECT_EQ(outputs[1], Tensor::from<int64_t>({1, 1, 3}, {1, 1, 2}));
}

TEST(MaxPool, RefusesWindowsOfPaddingOnly) {
  const Tensor x = random_tensor({1, 1, 8, 8});
  MaxPool wide;
  wide.kernel_shape = {2, 2};
  wide.pads = {2, 0, 0, 0};
  MaxPool ranks;
  ranks.kernel_shape = {2};
  MaxPool order;
  order.kernel_shape = {2, 2};
  order.storage_order = 2;
  expect_refused({wide, {x}, {"pads 2 and 0", "window of 2"}});
  expect_refused({ranks, {x}, {"'kernel_shape' has 1 elements, expected 2"}});
  expect_refused({MaxPool{}, {x}, {"'kernel_shape' has 0 elements, expected 2"}});
  expect_refused({order, {x}, {"'storage_order' is 2"}});
}

}  // namespace
}  // namespace tendon
