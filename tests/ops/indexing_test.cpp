// Gathering, scattering and ranking: what the ONNX node cases leave open, and what is refused.
#include <cmath>
#include <limits>

#include "support/run_op.h"

namespace tendon {
namespace {

using testing::expect_refused;
using testing::floats;
using testing::infer_op;
using testing::ints;
using testing::Refusal;
using testing::run_op;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

TEST(ArgReduce, ChoosesTheFirstOrLastOfEqualsAndAnyNotANumber) {
  const auto place = [](ArgReduceKind kind, bool last, const Tensor& x) {
    return to_int64s(run_op(ArgReduce{.kind = kind, .select_last_index = last}, {x})[0])[0];
  };
  const Tensor equal = floats({4}, {1, 3, 3, 1});
  EXPECT_EQ(place(ArgReduceKind::kMax, false, equal), 1);
  EXPECT_EQ(place(ArgReduceKind::kMax, true, equal), 2);
  EXPECT_EQ(place(ArgReduceKind::kMin, false, equal), 0);
  EXPECT_EQ(place(ArgReduceKind::kMin, true, equal), 3);
  const Tensor odd = floats({4}, {1, kNan, 9, kNan});
  EXPECT_EQ(place(ArgReduceKind::kMax, false, odd), 1);
  EXPECT_EQ(place(ArgReduceKind::kMin, true, odd), 3);
}

TEST(TopK, IsStableAndTakesNotANumberForTheLargest) {
  const Tensor x = floats({5}, {2, kNan, 7, 2, 7});
  const auto largest = run_op(TopK{}, {x, ints({4})});
  EXPECT_EQ(largest[1], ints({1, 2, 4, 0}));
  const auto smallest = run_op(TopK{.largest = false}, {x, ints({5})});
  EXPECT_EQ(smallest[1], ints({0, 3, 2, 4, 1}));
  EXPECT_TRUE(std::isnan(smallest[0].data<float>()[4]));
}

TEST(ScatterAt, CombinesEveryUpdateOfAPlace) {
  const Tensor data = floats({3}, {1, 2, 3});
  const Tensor indices = ints({1, 1, -1});
  const Tensor updates = floats({3}, {10, 20, 30});
  const std::pair<std::string, std::vector<float>> rows[] = {{"none", {1, 20, 30}},
                                                             {"add", {1, 32, 33}},
                                                             {"mul", {1, 400, 90}},
                                                             {"max", {1, 20, 30}},
                                                             {"min", {1, 2, 3}}};
  for (const auto& [reduction, expected] : rows) {
    ScatterAt op;
    op.reduction = reduction;
    EXPECT_EQ(run_op(op, {data, indices, updates})[0], floats({3}, expected)) << reduction;
    op.kind = ScatterAtKind::kNd;
    const Tensor column = indices.reshaped({3, 1});
    EXPECT_EQ(run_op(op, {data, column, updates})[0], floats({3}, expected)) << reduction;
  }
}

TEST(GatherAt, WithBatchesReadsEachItsOwn) {
  const Tensor data = floats({2, 2, 2}, {0, 1, 2, 3, 4, 5, 6, 7});
  const Tensor indices = ints({1, 0}).reshaped({2, 1});
  const GatherAt op{.kind = GatherAtKind::kNd, .batch_dims = 1};
  EXPECT_EQ(run_op(op, {data, indices})[0], floats({2, 2}, {2, 3, 4, 5}));
}

TEST(NonZero, TakesAScalarForOneElement) {
  EXPECT_EQ(run_op(NonZero{}, {Tensor::scalar(5.0f)})[0], ints({0}).reshaped({1, 1}));
  EXPECT_EQ(run_op(NonZero{}, {Tensor::scalar(0.0f)})[0].shape(), (Shape{1, 0}));
}

TEST(Binary, ShiftsByMoreThanAllBitsLeaveTheSign) {
  const Tensor x = Tensor::from<int32_t>({3}, {-8, 8, 1});
  const Tensor by = Tensor::from<int32_t>({3}, {70, -1, 3});
  EXPECT_EQ(run_op(Binary{BinaryKind::kShiftRight}, {x, by})[0],
            Tensor::from<int32_t>({3}, {-1, 0, 0}));
  EXPECT_EQ(run_op(Binary{BinaryKind::kShiftLeft}, {x, by})[0],
            Tensor::from<int32_t>({3}, {0, 0, 8}));
}

TEST(Mod, OfFloatsTakesTheSignOfTheDivisorOrOfTheDividend) {
  const Tensor a = floats({4}, {-4.5f, 4.5f, 4, -4});
  const Tensor b = floats({4}, {2, -2, 2, 2});
  EXPECT_EQ(run_op(Mod{}, {a, b})[0], floats({4}, {1.5f, -1.5f, 0, 0}));
  EXPECT_EQ(run_op(Mod{.fmod = true}, {a, b})[0], floats({4}, {-0.5f, 0.5f, 0, -0.0f}));
}

TEST(Indexing, Refuses) {
  const Tensor x = floats({2, 3}, {0, 1, 2, 3, 4, 5});
  const Tensor empty(DataType::kFloat32, Shape{0});
  const Refusal refusals[] = {
      {ArgReduce{}, {empty}, {"no elements along axis 0 of (0,)"}},
      {ArgReduce{.axis = 2}, {x}, {"axis 2 is outside [-2, 2)"}},
      {TopK{}, {x, ints({4})}, {"K is 4", "has 3 elements"}},
      {TopK{}, {x, ints({1, 2})}, {"has 2 elements, expected one"}},
      {GatherAt{}, {x, ints({0})}, {"(1,)", "(2, 3)"}},
      {GatherAt{}, {x, x}, {"is float32, expected int32 or int64"}},
      {GatherAt{.kind = GatherAtKind::kNd}, {x, ints({0, 0, 0})}, {"name 3 axes"}},
      {GatherAt{.kind = GatherAtKind::kNd, .batch_dims = 1}, {x, ints({0})}, {"'batch_dims' is 1"}},
      {ScatterAt{}, {x, ints({0}).reshaped({1, 1}), x}, {"'updates' has shape (2, 3)"}},
      {ScatterAt{.reduction = "mean"}, {x, x, x}, {"is float32"}},
      {ScatterAt{.reduction = "mean"}, {x, ints({0}).reshaped({1, 1}), x}, {"'mean'", "none, add"}},
      {Einsum{.equation = "ij,jk->ik"}, {x}, {"has 2 terms for 1 inputs"}},
      {Einsum{.equation = "ijk->i"}, {x}, {"'ijk' does not fit"}},
      {Einsum{.equation = "ij->k"}, {x}, {"'k' is in no input"}},
      {Einsum{.equation = "ij->ii"}, {x}, {"names an axis of the result twice"}},
      {Einsum{.equation = "i?j->i"}, {x}, {"expected letters"}},
      {GroupNormalization{.num_groups = 2},
       {x, floats({3}, {1, 1, 1}), floats({3}, {0, 0, 0})},
       {"'num_groups' is 2", "3 channels"}},
      {Resize{}, {x}, {"either 'scales' or 'sizes'"}},
      {Resize{.mode = "area"}, {x}, {"'mode' is 'area'", "nearest, linear, cubic"}},
      {Resize{}, {x, Tensor(), floats({2}, {1, -1})}, {"a scale of -1"}},
      {Resize{}, {x, Tensor(), floats({1}, {1})}, {"'scales' has 1 elements, expected 2"}},
  };
  for (const Refusal& refusal : refusals) expect_refused(refusal);
  EXPECT_THROW(reference(GatherAt{}, std::vector{x, ints({5, 0}).reshaped({2, 1})}), Error);
}

TEST(Recurrent, Refuses) {
  const auto zeros = [](const Shape& shape) { return Tensor(DataType::kFloat32, shape); };
  const Tensor x = zeros({2, 1, 3});
  const Tensor w = zeros({1, 16, 3});
  const Tensor r = zeros({1, 16, 4});
  const Refusal refusals[] = {
      {Recurrent{}, {x, zeros({1, 12, 3}), r}, {"'W' has shape (1, 12, 3)", "(1, 16, 3)"}},
      {Recurrent{.direction = "sideways"}, {x, w, r}, {"'sideways'"}},
      {Recurrent{.direction = "bidirectional"}, {x, w, r}, {"expected (2, 16, 3)"}},
      {Recurrent{.hidden_size = 5}, {x, w, r}, {"'hidden_size' is 5"}},
      {Recurrent{.activations = {"Tanh"}}, {x, w, r}, {"has 1 names, expected 3"}},
      {Recurrent{.activations = {"Tanh", "Affine", "Tanh"}},
       {x, w, r},
       {"'Affine' is not supported"},
       ErrorKind::kUnsupported},
      {Recurrent{.layout = 2}, {x, w, r}, {"'layout' is 2"}},
  };
  for (const Refusal& refusal : refusals) expect_refused(refusal);
  EXPECT_EQ(infer_op(Recurrent{}, {x, w, r})[0].shape, (Shape{2, 1, 1, 4}));
}

TEST(ConvTranspose, Refuses) {
  const auto zeros = [](const Shape& shape) { return Tensor(DataType::kFloat32, shape); };
  const Tensor x = zeros({1, 4, 3});
  ConvTranspose grouped;
  grouped.group = 3;
  ConvTranspose padded;
  padded.pads = {9, 9};
  ConvTranspose named;
  named.auto_pad = "SAME";
  const Refusal refusals[] = {
      {ConvTranspose{}, {x, zeros({3, 2, 3})}, {"has 4 channels", "expects 3"}},
      {grouped, {x, zeros({4, 2, 3})}, {"with group 3"}},
      {padded, {x, zeros({4, 2, 3})}, {"leave nothing of 5"}},
      {named, {x, zeros({4, 2, 3})}, {"'auto_pad' is 'SAME'"}},
      {ConvTranspose{}, {x, zeros({4, 2, 3, 3})}, {"as many dimensions"}},
  };
  for (const Refusal& refusal : refusals) expect_refused(refusal);
}

}  // namespace
}  // namespace tendon
