// Operators that move elements: empty tensors, extremes, and inputs that do not fit.
#include <limits>

#include "support/graphs.h"
#include "support/run_op.h"

namespace tendon {
namespace {

using namespace testing;

constexpr int64_t kLowest = std::numeric_limits<int64_t>::lowest();
constexpr int64_t kHighest = std::numeric_limits<int64_t>::max();

Concat concat(int64_t axis) {
  Concat op;
  op.axis = axis;
  return op;
}
Gather gather(int64_t axis) {
  Gather op;
  op.axis = axis;
  return op;
}
Pad pad(std::string mode) {
  Pad op;
  op.mode = std::move(mode);
  return op;
}
Split split(int64_t parts) {
  Split op;
  op.num_outputs = parts;
  return op;
}

TEST(Slice, ClampsExtremesInBothDirections) {
  const Tensor x = ints({0, 1, 2, 3, 4});
  const struct {
    int64_t start, end, step;
    std::vector<int64_t> expected;
  } cases[] = {
      {1, kHighest, 2, {1, 3}},
      {kHighest, kLowest, -2, {4, 2, 0}},
      {-2, 9, 1, {3, 4}},
      {4, kLowest, kLowest, {4}},
      {0, kHighest, kHighest, {0}},
      {3, 1, 1, {}},
      {1, 3, -1, {}},
      {-1, -6, -1, {4, 3, 2, 1, 0}},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(run_op(Slice{}, {x, ints({c.start}), ints({c.end}), ints({0}), ints({c.step})})[0],
              ints(c.expected))
        << c.start << ":" << c.end << ":" << c.step;
  }
  const Tensor none(DataType::kFloat32, {0, 2});
  EXPECT_EQ(run_op(Slice{}, {none, ints({-1}), ints({kLowest}), Tensor(), ints({-1})})[0], none);
}

TEST(Pad, EveryModeRepeatsAsNumpyDoes) {
  const Tensor x = ints({1, 2, 3});
  const Tensor pads = ints({4, 5});
  EXPECT_EQ(run_op(pad("edge"), {x, pads})[0], ints({1, 1, 1, 1, 1, 2, 3, 3, 3, 3, 3, 3}));
  EXPECT_EQ(run_op(pad("reflect"), {x, pads})[0], ints({1, 2, 3, 2, 1, 2, 3, 2, 1, 2, 3, 2}));
  EXPECT_EQ(run_op(pad("wrap"), {x, pads})[0], ints({3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2}));
  EXPECT_EQ(run_op(pad("reflect"), {ints({7}), ints({1, 2})})[0], ints({7, 7, 7, 7}));
  EXPECT_EQ(run_op(Pad{}, {x, ints({-1, 2}), Tensor::scalar<int64_t>(9)})[0], ints({2, 3, 9, 9}));
  const Tensor matrix = floats({1, 2}, {1, 2});
  EXPECT_EQ(run_op(Pad{}, {matrix, ints({1, 0}), Tensor(), ints({-2})})[0],
            floats({2, 2}, {0, 0, 1, 2}));
}

TEST(Pad, AnEmptyResultNeedsNothingToRepeat) {
  for (const char* mode : {"edge", "wrap", "reflect"}) {
    EXPECT_EQ(
        run_op(pad(mode), {Tensor(DataType::kFloat32, {0, 3}), ints({0, -3, 2, 0})})[0].shape(),
        Shape({2, 0}));
  }
  // Nor memory for the positions of its other axes.
  EXPECT_EQ(
      run_op(Pad{}, {Tensor(DataType::kFloat32, {0, 1}), ints({0, 0, 0, int64_t{1} << 40})})[0]
          .shape(),
      Shape({0, (int64_t{1} << 40) + 1}));
}

TEST(Split, LastPartTakesTheRest) {
  const auto parts = run_op(split(3), {ints({1, 2, 3, 4, 5, 6, 7})});
  ASSERT_EQ(parts.size(), 3u);
  EXPECT_EQ(parts[0], ints({1, 2, 3}));
  EXPECT_EQ(parts[2], ints({7}));
  const auto sized = run_op(Split{}, {ints({1, 2, 3}), ints({0, 3})});
  EXPECT_EQ(sized[0], ints({}));
  EXPECT_EQ(sized[1], ints({1, 2, 3}));
}

TEST(Shapes, EmptyTensorsPass) {
  const Tensor none(DataType::kFloat16, {2, 0, 3});
  EXPECT_EQ(run_op(concat(1), {none, none})[0], none);
  EXPECT_EQ(run_op(gather(1), {none, Tensor(DataType::kInt64, {0})})[0], none);
  EXPECT_EQ(run_op(Transpose{}, {none})[0].shape(), (Shape{3, 0, 2}));
  EXPECT_EQ(run_op(Tile{}, {none, ints({1, 5, 0})})[0].shape(), (Shape{2, 0, 0}));
  EXPECT_EQ(run_op(Flatten{}, {none})[0].shape(), (Shape{2, 0}));
  EXPECT_EQ(run_op(Expand{}, {none, ints({1, 1, 1})})[0], none);
  EXPECT_EQ(run_op(Squeeze{}, {Tensor(DataType::kFloat32, {1, 0, 1})})[0].shape(), (Shape{0}));
}

TEST(CumSum, ReverseAndExclusive) {
  CumSum op;
  op.exclusive = true;
  op.reverse = true;
  EXPECT_EQ(run_op(op, {ints({1, 2, 3}), Tensor::scalar<int64_t>(-1)})[0], ints({5, 3, 0}));
  EXPECT_EQ(run_op(CumSum{}, {ints({kHighest, 1}), ints({0})})[0], ints({kHighest, kLowest}));
}

TEST(Range, CountsUpAndDown) {
  const auto scalar = [](int64_t value) { return Tensor::scalar(value); };
  EXPECT_EQ(run_op(Range{}, {scalar(10), scalar(4), scalar(-3)})[0], ints({10, 7}));
  EXPECT_EQ(run_op(Range{}, {scalar(1), scalar(1), scalar(1)})[0], ints({}));
  EXPECT_EQ(run_op(Range{}, {Tensor::scalar(0.f), Tensor::scalar(1.f), Tensor::scalar(.25f)})[0],
            floats({4}, {0, .25f, .5f, .75f}));
}

TEST(ConstantOfShape, DefaultIsAFloatZero) {
  EXPECT_EQ(run_op(ConstantOfShape{}, {ints({2})})[0], floats({2}, {0, 0}));
  EXPECT_EQ(run_op(ConstantOfShape{}, {ints({})})[0], floats({}, {0}));
}

TEST(Shapes, Refuse) {
  const Tensor x = random_tensor({2, 3});
  const Tensor one = ints({1});
  const Tensor huge = ints({int64_t{1} << 62, 4});
  ConstantOfShape two;
  two.value = ints({1, 2});
  Transpose twice;
  twice.perm = {0, 0};
  Transpose outside;
  outside.perm = {0, 5};
  Flatten flat;
  flat.axis = 3;
  const Refusal refusals[] = {
      {concat(2), {x}, {"axis 2 is outside [-2, 2)"}},
      {concat(0), {}, {"input 0 ('inputs') is missing"}},
      {concat(0), {x, random_tensor({2, 4})}, {"input 1 has shape (2, 4)", "along axis 0 only"}},
      {concat(0), {x, ints({1})}, {"is int64, expected float32"}},
      {gather(0), {x, ints({2})}, {"index 2 is outside [-2, 2)"}},
      {gather(0), {x, ints({-3})}, {"index -3"}},
      {gather(0), {x, x}, {"('indices') is float32, expected int32 or int64"}},
      {gather(-3), {x, one}, {"axis -3"}},
      {Squeeze{}, {x, ints({0})}, {"axis 0 of shape (2, 3) has size 2, expected 1"}},
      {Unsqueeze{}, {x}, {"input 1 ('axes') is missing"}},
      {Unsqueeze{}, {x, ints({0, 0})}, {"twice"}},
      {Unsqueeze{}, {x, ints({4})}, {"axis 4 is outside [-3, 3)"}},
      {Unsqueeze{}, {x, ints({0, 1, 2, 3, 4, 5, 6})}, {"9 dimensions", "at most 8"}},
      {Slice{}, {x, one}, {"('ends') is missing"}},
      {Slice{}, {x, one, ints({1, 2})}, {"1 starts, 2 ends"}},
      {Slice{}, {x, one, one, ints({2})}, {"axis 2"}},
      {Slice{}, {x, one, one, one, ints({0})}, {"step 0"}},
      {Slice{}, {x, ints({0, 0}), ints({1, 1}), ints({0, -2})}, {"twice"}},
      {twice, {x}, {"'perm' is [0, 0]", "permutation of 2 axes"}},
      {outside, {x}, {"permutation"}},
      {Expand{}, {x, ints({4})}, {"(2, 3) and (4,)"}},
      {Expand{}, {x, ints({-1, 3})}, {"negative dimension -1"}},
      {Tile{}, {x, one}, {"'repeats' has 1 elements", "(2, 3)"}},
      {Tile{}, {x, ints({1, -1})}, {"'repeats' holds -1"}},
      {Tile{}, {x, ints({1, kHighest})}, {"too large"}},
      {Split{}, {x}, {"'num_outputs' is 0"}},
      {split(5), {x}, {"an axis of 2 cannot be cut into 5"}},
      {split(1 << 30), {x}, {"expected 1 to 100000"}},
      {Split{}, {x, ints({1, 2})}, {"[1, 2] adds up to 3, the axis has 2"}},
      {Split{}, {x, ints({-1, 3})}, {"'split' holds -1"}},
      {Split{}, {x, ints({kHighest, kHighest})}, {"too large"}},
      {flat, {x}, {"axis 3 is outside [-2, 2]"}},
      {two, {one}, {"'value' has 2 elements, expected one"}},
      {ConstantOfShape{}, {ints({-2})}, {"negative dimension -2"}},
      {CumSum{}, {x, ints({2})}, {"axis 2"}},
      {CumSum{}, {x, ints({0, 1})}, {"'axis' has shape (2,)"}},
      {Range{}, {one, one, ints({0})}, {"'delta' is 0"}},
      {Range{}, {ints({0}), ints({kHighest}), one}, {"too long"}},
      {Range{}, {one, one, random_tensor({})}, {"('delta') is float32, expected int64"}},
      {Range{}, {huge, one, one}, {"'start' has shape (2,), expected a scalar"}},
      {pad("mirror"), {x, ints({0, 0, 0, 0})}, {"'mode' is 'mirror'", "reflect"}},
      {Pad{}, {x, one}, {"'pads' has 1 elements, expected two for each of 2 axes"}},
      {Pad{}, {x, ints({0, -2, 0, -2})}, {"pads -2 and -2 take more than the 3"}},
      {Pad{}, {x, ints({kHighest, 0, 1, 0})}, {"too large"}},
      {Pad{}, {x, ints({0, 0, 0, 0}), one}, {"('constant_value') is int64"}},
      {Pad{}, {x, one, Tensor(), ints({0, 0})}, {"'pads' has 1"}},
      {pad("edge"), {Tensor(DataType::kFloat32, {0}), ints({1, 0})}, {"no elements of (0,)"}},
  };
  for (const Refusal& refusal : refusals) expect_refused(refusal);
}

TEST(Shapes, AShapeComputedWhileRunningIsUnsupported) {
  const Argument x{{DataType::kFloat32, {2, 3}}, nullptr, true};
  const Argument unknown{{DataType::kInt64, {2}}, nullptr, true};
  const Argument arguments[] = {x, unknown};
  for (const Op& op : {Op(Expand{}), Op(Tile{}), Op(Unsqueeze{}), Op(Reshape{}), Op(Reduce{})}) {
    try {
      infer(op, arguments);
      ADD_FAILURE() << to_string(op);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUnsupported);
      EXPECT_THAT(error.what(), ::testing::HasSubstr("decides a shape"));
    }
  }
}

TEST(Gather, ChecksIndicesAgainWhileRunning) {
  const std::vector<Tensor> inputs = {ints({1, 2}), ints({5})};
  EXPECT_THROW(reference(Gather{}, inputs), Error);
}

}  // namespace
}  // namespace tendon
