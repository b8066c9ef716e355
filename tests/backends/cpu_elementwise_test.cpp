// Elementwise kernels, normalisations and softmax against the operators' references.
#include <limits>

#include "backends/cpu_kernel_case.h"

namespace tendon::testing {
namespace {

constexpr UnaryKind kUnaryKinds[] = {
    UnaryKind::kRelu,  UnaryKind::kSqrt,        UnaryKind::kExp,       UnaryKind::kErf,
    UnaryKind::kNeg,   UnaryKind::kSigmoid,     UnaryKind::kTanh,      UnaryKind::kGelu,
    UnaryKind::kAbs,   UnaryKind::kHardSigmoid, UnaryKind::kHardSwish, UnaryKind::kLeakyRelu,
    UnaryKind::kMish,  UnaryKind::kElu,         UnaryKind::kGeluTanh,  UnaryKind::kSoftplus,
    UnaryKind::kFloor, UnaryKind::kCeil,        UnaryKind::kReciprocal};
constexpr UnaryKind kLoopKinds[] = {UnaryKind::kSin,  UnaryKind::kCos,  UnaryKind::kSign,
                                    UnaryKind::kSelu, UnaryKind::kAtan, UnaryKind::kSoftsign};
constexpr BinaryKind kBinaryKinds[] = {BinaryKind::kAdd, BinaryKind::kSub, BinaryKind::kMul,
                                       BinaryKind::kDiv};

Tensor scaled(Tensor tensor, float factor) {
  for (float& value : tensor.mutable_data<float>()) value *= factor;
  return tensor;
}
Tensor absolute(Tensor tensor) {
  for (float& value : tensor.mutable_data<float>()) value = std::fabs(value);
  return tensor;
}
/// At least 0.5 away from 0, for divisors.
Tensor away_from_zero(Tensor tensor) {
  for (float& value : tensor.mutable_data<float>()) value += std::copysign(0.5F, value);
  return tensor;
}

/// Two shapes that broadcast to `shape`.
std::pair<Shape, Shape> broadcast_pair(Dice& dice, const Shape& shape) {
  Shape left = shape;
  Shape right = shape;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (dice.between(0, 3) == 0) left[axis] = 1;
    if (dice.between(0, 3) == 0) right[axis] = 1;
  }
  if (dice.toss()) right = Shape(right.dims().subspan(dice.between(0, shape.rank())));
  return {left, right};
}

void run_all_once(Dice& dice) {
  const Shape shape = dice.shape(dice.between(1, 3), 37);
  for (const UnaryKind kind : kUnaryKinds) {
    Tensor x = dice.tensor(shape);
    if (kind == UnaryKind::kSqrt) x = absolute(x);
    if (kind == UnaryKind::kReciprocal) x = away_from_zero(x);
    expect_matches_reference("simd:unary", {Unary::of(kind), {x}});
  }
  for (const BinaryKind kind : kBinaryKinds) {
    const auto [left, right] = broadcast_pair(dice, shape);
    expect_matches_reference(
        "simd:binary", {Binary{kind}, {dice.tensor(left), away_from_zero(dice.tensor(right))}});
  }
  const Tensor low = dice.toss() ? Tensor::scalar(-0.5f) : Tensor();
  expect_matches_reference("simd:unary",
                           {Clip{}, {dice.tensor(shape), low, Tensor::scalar(0.75f)}, {1, 2}});
  expect_matches_reference("simd:softmax", {Softmax{}, {scaled(dice.tensor(shape), 5)}});

  const Shape row{shape.back()};
  const Tensor bias = dice.toss() ? dice.tensor(row) : Tensor();
  const Tensor x = scaled(dice.tensor(shape), 3);
  expect_matches_reference("simd:layer_norm", {LayerNormalization{.axis = -1, .epsilon = 1e-3F},
                                               {x, dice.tensor(row), bias}});
  expect_matches_reference("simd:layer_norm", {AddLayerNormalization{.axis = -1, .epsilon = 1e-3F},
                                               {x, dice.tensor(shape), dice.tensor(row), bias}});

  GroupNormalization groups{.num_groups = dice.pick<int64_t>({0, 1, 2, 4}), .epsilon = 1e-3F};
  Shape image{dice.between(1, 3), 4 * dice.between(1, 3)};
  for (int64_t i = dice.between(0, 2); i > 0; --i) image.push_back(dice.between(1, 13));
  const Shape channels{image[1]};
  expect_matches_reference(
      "simd:group_norm",
      {groups, {scaled(dice.tensor(image), 3), dice.tensor(channels), dice.tensor(channels)}});
}

TEST(CpuElementwise, MatchesReferenceOnRandomShapes) { for_random_cases(run_all_once); }

TEST(CpuElementwise, LoopsMatchReferenceOnRandomShapes) {
  for_random_cases([](Dice& dice) {
    const Shape shape = dice.shape(dice.between(1, 3), 37);
    for (const UnaryKind kind : kLoopKinds) {
      expect_matches_reference("loop:unary", {Unary::of(kind), {dice.tensor(shape)}});
    }
    const auto [left, right] = broadcast_pair(dice, shape);
    expect_matches_reference("loop:binary", {Binary{BinaryKind::kPow},
                                             {absolute(dice.tensor(left)), dice.tensor(right)}});
    for (const float power : {2.0F, 3.0F, 0.5F}) {
      expect_matches_reference(
          "loop:binary",
          {Binary{BinaryKind::kPow}, {absolute(dice.tensor(left)), Tensor::scalar(power)}, {1}});
    }
    expect_matches_reference(
        "loop:binary", {Binary{BinaryKind::kPRelu}, {dice.tensor(shape), dice.tensor(right)}});
    const DataType dtype = dice.pick({DataType::kFloat32, DataType::kInt32, DataType::kInt64});
    const Tensor a = cast(scaled(dice.tensor(left), 3), dtype);
    const Tensor b = cast(scaled(dice.tensor(right), 3), dtype);
    for (const auto kind :
         {ComparisonKind::kEqual, ComparisonKind::kLess, ComparisonKind::kLessOrEqual,
          ComparisonKind::kGreater, ComparisonKind::kGreaterOrEqual}) {
      expect_matches_reference("loop:comparison", {Comparison{kind}, {a, b}});
    }
    for (const auto kind : {ComparisonKind::kAnd, ComparisonKind::kOr, ComparisonKind::kXor,
                            ComparisonKind::kEqual}) {
      expect_matches_reference(
          "loop:comparison",
          {Comparison{kind}, {cast(a, DataType::kBool), cast(b, DataType::kBool)}});
    }
    for (const auto kind : {VariadicKind::kMax, VariadicKind::kMin}) {
      expect_matches_reference("loop:variadic", {Variadic{kind}, {a, b, a}});
    }
    for (const auto kind : {VariadicKind::kSum, VariadicKind::kMean}) {
      expect_matches_reference("loop:variadic",
                               {Variadic{kind}, {dice.tensor(left), dice.tensor(right)}});
    }
  });
}

TEST(CpuElementwise, EverySimdTargetMatchesReference) {
  for_each_simd_target([] {
    Dice dice(5);
    run_all_once(dice);
  });
}

TEST(CpuElementwise, FunctionsAreAccurateOverTheirRange) {
  constexpr int64_t kCount = 20001;
  Tensor x(DataType::kFloat32, Shape{kCount});
  for (const float reach : {1.5F, 12.0F, 120.0F}) {
    for (int64_t i = 0; i < kCount; ++i) {
      x.mutable_data<float>()[i] = reach * (static_cast<float>(i) / 10000.0F - 1.0F);
    }
    for (const UnaryKind kind : kUnaryKinds) {
      if (kind == UnaryKind::kSqrt) continue;
      const PreparedCase prepared({Unary::of(kind), {x}});
      auto memory = prepared.memory();
      prepared.run(memory);
      const auto found = memory.outputs[0].data<float>();
      const Unary op = Unary::of(kind);
      for (int64_t i = 0; i < kCount; ++i) {
        const double expected = op.apply(static_cast<double>(x.data<float>()[i]));
        if (std::isinf(static_cast<float>(expected))) {
          EXPECT_EQ(found[i], static_cast<float>(expected));
          continue;
        }
        // Gelu's tail and the feet of the ramps come from numbers near 1; elsewhere only results
        // near the smallest numbers may be off by more.
        const bool ramp = kind == UnaryKind::kHardSigmoid || kind == UnaryKind::kHardSwish;
        const double floor = kind == UnaryKind::kGelu || kind == UnaryKind::kGeluTanh ? 0.3
                             : ramp                                                   ? 1
                                                                                      : 1e-30;
        ASSERT_NEAR(found[i], expected, 5e-7 * std::max(floor, std::fabs(expected)))
            << op.onnx_type() << '(' << x.data<float>()[i] << ')';
      }
    }
  }
}

TEST(CpuElementwise, KeepsNotANumber) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  Tensor x = random_tensor(Shape{2, 40});
  x.mutable_data<float>()[3] = nan;
  x.mutable_data<float>()[77] = nan;
  for_each_simd_target([&] {
    for (const UnaryKind kind : kUnaryKinds) {
      const PreparedCase prepared({Unary::of(kind), {x}});
      auto memory = prepared.memory();
      prepared.run(memory);
      EXPECT_TRUE(std::isnan(memory.outputs[0].data<float>()[3])) << Unary::of(kind).onnx_type();
      EXPECT_TRUE(std::isnan(memory.outputs[0].data<float>()[77])) << Unary::of(kind).onnx_type();
    }
    const PreparedCase softmax({Softmax{}, {x}});
    auto memory = softmax.memory();
    softmax.run(memory);
    for (const float value : memory.outputs[0].data<float>()) EXPECT_TRUE(std::isnan(value));
  });
}

struct DeclineRow {
  std::string name;
  KernelCase test;
  std::string reason;
};

TEST(CpuElementwise, DeclinesWithReason) {
  const Tensor floats = random_tensor(Shape{3, 4});
  const Tensor integers = cast(floats, DataType::kInt64);
  const DeclineRow rows[] = {
      {"type", {Unary{UnaryKind::kRelu}, {integers}}, "needs float32, input 0 is int64"},
      {"function",
       {.op = Unary{UnaryKind::kSin}, .inputs = {floats}, .only = "simd:unary"},
       "no vector code for Sin"},
      {"bounds", {Clip{}, {floats, Tensor::scalar(0.0f)}}, "needs constant bounds"},
      {"axis",
       {.op = Softmax{.axis = 0}, .inputs = {floats}, .only = "simd:softmax"},
       "needs the last axis, got axis=0 of rank 2"},
      {"empty", {Unary{UnaryKind::kRelu}, {Tensor(DataType::kFloat32, Shape{0, 3})}}, "is empty"},
  };
  for (const DeclineRow& row : rows) {
    const PreparedCase prepared(row.test);
    EXPECT_EQ(prepared.kernel(), nullptr) << row.name;
    EXPECT_THAT(prepared.declined(), ::testing::HasSubstr(row.reason)) << row.name;
  }
}

}  // namespace
}  // namespace tendon::testing
