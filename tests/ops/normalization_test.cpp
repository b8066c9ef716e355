// LayerNormalization, BatchNormalization, Softmax and LogSoftmax.
#include <cmath>

#include "support/graphs.h"
#include "support/run_op.h"

namespace tendon {
namespace {

using namespace testing;

TEST(LayerNormalization, StatisticsOverTheLastAxes) {
  LayerNormalization op;
  op.axis = 1;
  op.epsilon = 0;
  const auto outputs = run_op(
      op, {floats({2, 1, 2}, {1, 3, 10, 10.5f}), floats({2}, {1, 2}), floats({1, 2}, {0, 5})});
  EXPECT_EQ(outputs[0], floats({2, 1, 2}, {-1, 7, -1, 7}));
  EXPECT_EQ(outputs[1], floats({2, 1, 1}, {2, 10.25f}));
  EXPECT_EQ(outputs[2], floats({2, 1, 1}, {1, 4}));
}

TEST(LogSoftmax, IsTheLogarithmOfSoftmax) {
  const Tensor x = random_tensor({3, 4, 2});
  Softmax softmax;
  softmax.axis = 1;
  LogSoftmax log_softmax;
  log_softmax.axis = 1;
  const Tensor expected = run_op(Unary{UnaryKind::kLog}, {run_op(softmax, {x})[0]})[0];
  EXPECT_LE(max_abs_difference(run_op(log_softmax, {x})[0], expected), 1e-6);
  EXPECT_EQ(run_op(log_softmax, {floats({1, 2}, {1e4f, 0})})[0].shape(), (Shape{1, 2}));
}

TEST(Normalizations, Refuse) {
  const Tensor x = random_tensor({2, 3, 4});
  const Tensor c = random_tensor({3});
  BatchNormalization training;
  training.training_mode = true;
  LayerNormalization axis;
  axis.axis = 3;
  LayerNormalization stash;
  stash.stash_type = 8;
  const Refusal refusals[] = {
      {axis, {x, c}, {"axis 3 is outside [-3, 3)"}},
      {LayerNormalization{}, {x, c}, {"(3,)", "(2, 3, 4)"}},
      {LayerNormalization{}, {x, random_tensor({4}), random_tensor({5, 4})}, {"(5, 4)"}},
      {LayerNormalization{}, {x, random_tensor({1, 2, 3, 4})}, {"'Scale'", "to (2, 3, 4)"}},
      {stash, {x, random_tensor({4})}, {"string"}, ErrorKind::kUnsupported},
      {LayerNormalization{}, {ints({1}), ints({1})}, {"floating type"}},
      {training, {x, c, c, c, c}, {"model.eval()"}, ErrorKind::kUnsupported},
      {BatchNormalization{}, {x, c, c, c}, {"('input_var') is missing"}},
      {BatchNormalization{}, {x, c, c, random_tensor({4}), c}, {"'input_mean' has shape (4,)"}},
      {BatchNormalization{}, {c, c, c, c, c}, {"(3,)", "[N, C"}},
      {Softmax{}, {random_tensor({})}, {"axis -1"}},
      {Softmax{}, {ints({1})}, {"floating type"}},
      {LogSoftmax{}, {random_tensor({})}, {"axis -1"}},
  };
  for (const Refusal& refusal : refusals) expect_refused(refusal);
}

}  // namespace
}  // namespace tendon
