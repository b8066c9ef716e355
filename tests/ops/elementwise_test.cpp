// Unary, Binary, Variadic, Comparison, Mod, Clip and Where: types, NaN, whole numbers, parameters.
#include <cmath>
#include <limits>

#include "support/graphs.h"
#include "support/run_op.h"

namespace tendon {
namespace {

using namespace testing;

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr int64_t kLowest = std::numeric_limits<int64_t>::lowest();
constexpr int64_t kHighest = std::numeric_limits<int64_t>::max();

Tensor bools(const std::vector<uint8_t>& values) {
  Tensor result(DataType::kBool, Shape{static_cast<int64_t>(values.size())});
  for (size_t i = 0; i < values.size(); ++i) result.mutable_data<bool>()[i] = values[i] != 0;
  return result;
}

TEST(Unary, NaNStaysNaN) {
  for (const UnaryKind kind :
       {UnaryKind::kRelu, UnaryKind::kSign, UnaryKind::kAbs, UnaryKind::kHardSigmoid,
        UnaryKind::kHardSwish, UnaryKind::kSoftplus, UnaryKind::kLeakyRelu,
        UnaryKind::kThresholdedRelu, UnaryKind::kElu}) {
    EXPECT_TRUE(std::isnan(Unary::of(kind).apply(kNaN))) << to_string(Op(Unary::of(kind)));
  }
}

TEST(Unary, ActivationsWithoutOnnxCases) {
  EXPECT_NEAR(Unary::of(UnaryKind::kGelu).apply(1), 0.8413447460685429, 1e-15);
  EXPECT_NEAR(Unary::of(UnaryKind::kGelu).apply(-2), -0.0455002638963584, 1e-15);
  EXPECT_NEAR(Unary::of(UnaryKind::kGeluTanh).apply(1), 0.8411919906082768, 1e-15);
  EXPECT_NEAR(Unary::of(UnaryKind::kMish).apply(1), 0.8650983882673103, 1e-15);
  EXPECT_NEAR(Unary::of(UnaryKind::kMish).apply(-1), -0.30340146137410895, 1e-15);
}

TEST(Unary, LargeArgumentsDoNotOverflow) {
  EXPECT_EQ(Unary::of(UnaryKind::kSoftplus).apply(1000), 1000);
  EXPECT_EQ(Unary::of(UnaryKind::kMish).apply(1000), 1000);
  EXPECT_EQ(Unary::of(UnaryKind::kSigmoid).apply(-1000), 0);
  EXPECT_EQ(Unary::of(UnaryKind::kGelu).apply(-1000), 0);
}

TEST(Unary, WholeNumbersStayExact) {
  const int64_t odd = (int64_t{1} << 53) + 1;
  EXPECT_EQ(run_op(Unary{UnaryKind::kNeg}, {ints({odd, kLowest})})[0], ints({-odd, kLowest}));
  EXPECT_EQ(run_op(Unary{UnaryKind::kAbs}, {ints({-odd, 3})})[0], ints({odd, 3}));
  EXPECT_EQ(run_op(Unary{UnaryKind::kSign}, {ints({-odd, 0, 3})})[0], ints({-1, 0, 1}));
  EXPECT_EQ(run_op(Unary{UnaryKind::kNot}, {bools({1, 0})})[0], bools({0, 1}));
}

TEST(Unary, ParametersHaveOnnxDefaultsAndNames) {
  OnnxNode node;
  node.type = "HardSigmoid";
  EXPECT_EQ(*op_from_onnx(node), Op(Unary{UnaryKind::kHardSigmoid, 0.2f, 0.5f}));
  EXPECT_EQ(to_string(*op_from_onnx(node)), "HardSigmoid");
  node.attributes = {{"alpha", 0.25f}};
  EXPECT_EQ(to_string(*op_from_onnx(node)), "HardSigmoid(alpha=0.25)");
  node.type = "Selu";
  node.attributes = {{"gamma", 2.0f}};
  EXPECT_EQ(to_string(*op_from_onnx(node)), "Selu(gamma=2)");
  node.type = "Gelu";
  node.attributes = {{"approximate", "tanh"}};
  EXPECT_EQ(*op_from_onnx(node), Op(Unary{UnaryKind::kGeluTanh}));
  EXPECT_EQ(to_string(*op_from_onnx(node)), "Gelu(approximate='tanh')");
  node.attributes = {{"approximate", "erf"}};
  EXPECT_THROW(op_from_onnx(node), Error);
  EXPECT_TRUE(attributes_of(Unary{UnaryKind::kRelu}).empty());
}

TEST(Binary, WholeNumbersWrapAndDivideExactly) {
  const auto run = [](BinaryKind kind, int64_t a, int64_t b) {
    return run_op(Binary{kind}, {ints({a}), ints({b})})[0].data<int64_t>()[0];
  };
  EXPECT_EQ(run(BinaryKind::kAdd, kHighest, 1), kLowest);
  EXPECT_EQ(run(BinaryKind::kDiv, kLowest, -1), kLowest);
  EXPECT_EQ(run(BinaryKind::kDiv, -7, 2), -3);
  EXPECT_EQ(run(BinaryKind::kPow, 3, 39), 4052555153018976267);
  EXPECT_EQ(run(BinaryKind::kPow, -1, -3), -1);
  EXPECT_EQ(run(BinaryKind::kPow, 2, -1), 0);
  EXPECT_EQ(run(BinaryKind::kPRelu, -4, 3), -12);
  EXPECT_THROW(run(BinaryKind::kDiv, 1, 0), Error);
  EXPECT_THROW(run(BinaryKind::kPow, 0, -1), Error);
}

TEST(Variadic, MaxAndMinKeepNaNAndBroadcast) {
  const Tensor a = floats({2, 1}, {1, kNaN});
  const Tensor b = floats({2}, {0, 5});
  const Tensor largest = run_op(Variadic{VariadicKind::kMax}, {a, b})[0];
  EXPECT_EQ(largest.data<float>()[0], 1);
  EXPECT_EQ(largest.data<float>()[1], 5);
  EXPECT_TRUE(std::isnan(largest.data<float>()[2]) && std::isnan(largest.data<float>()[3]));
  const Tensor least = run_op(Variadic{VariadicKind::kMin}, {b, a})[0];
  EXPECT_TRUE(std::isnan(least.data<float>()[2]));
  EXPECT_EQ(run_op(Variadic{VariadicKind::kMean}, {b, b, floats({}, {2})})[0],
            floats({2}, {2.0f / 3, 4}));
}

TEST(Mod, SignsAndExtremes) {
  const Tensor a = ints({-7, 7, kLowest, 5});
  const Tensor b = ints({3, -3, -1, -5});
  EXPECT_EQ(run_op(Mod{}, {a, b})[0], ints({2, -2, 0, 0}));
  EXPECT_EQ(run_op(Mod{{}, true}, {a, b})[0], ints({-1, 1, 0, 0}));
}

TEST(Clip, MaxWinsWhereBoundsCross) {
  const Tensor x = floats({3}, {-1, kNaN, 9});
  const Tensor y = run_op(Clip{}, {x, floats({}, {5}), floats({}, {2})})[0];
  EXPECT_EQ(y.data<float>()[0], 2);
  EXPECT_TRUE(std::isnan(y.data<float>()[1]));
  EXPECT_EQ(run_op(Clip{}, {ints({-9, 9}), Tensor(), Tensor::scalar<int64_t>(3)})[0],
            ints({-9, 3}));
}

TEST(Comparison, NaNIsUnequalAndLargeIntegersDiffer) {
  const Tensor x = floats({1}, {kNaN});
  EXPECT_EQ(run_op(Comparison{ComparisonKind::kEqual}, {x, x})[0], bools({0}));
  EXPECT_EQ(run_op(Comparison{ComparisonKind::kGreaterOrEqual}, {x, x})[0], bools({0}));
  EXPECT_EQ(run_op(Comparison{ComparisonKind::kEqual}, {ints({kHighest}), ints({kHighest - 1})})[0],
            bools({0}));
  EXPECT_EQ(run_op(Comparison{ComparisonKind::kXor}, {bools({1, 1}), bools({0, 1})})[0],
            bools({1, 0}));
}

TEST(Where, TakesAnyTypeAndBroadcasts) {
  const Tensor y = run_op(Where{}, {bools({1, 0}), ints({7}), ints({1, 2})})[0];
  EXPECT_EQ(y, ints({7, 2}));
}

TEST(Elementwise, Refuses) {
  const Tensor x = floats({2}, {1, 2});
  const Tensor three = floats({3}, {1, 2, 3});
  const Tensor flags = bools({1, 0});
  const Refusal refusals[] = {
      {Unary{UnaryKind::kSqrt}, {ints({1})}, {"is int64, expected a floating type"}},
      {Unary{UnaryKind::kNot}, {x}, {"is float32, expected bool"}},
      {Unary{UnaryKind::kRelu}, {flags}, {"is bool, expected a numeric type"}},
      {Unary{UnaryKind::kRelu}, {}, {"input 0 ('X') is missing"}},
      {Binary{}, {x, three}, {"(2,) and (3,)", "broadcast"}},
      {Binary{}, {x, ints({1, 2})}, {"float32(2,)", "int64(2,)", "one type"}},
      {Binary{}, {flags, flags}, {"is bool"}},
      {Binary{BinaryKind::kPRelu}, {x, floats({2, 1}, {1, 2})}, {"(2, 1)", "broadcasts to (2,)"}},
      {Comparison{ComparisonKind::kAnd}, {x, x}, {"expected bool"}},
      {Comparison{ComparisonKind::kLess}, {flags, flags}, {"is bool"}},
      {Comparison{}, {x, ints({1, 2})}, {"('B') is int64, expected float32"}},
      {Variadic{}, {}, {"('data_0') is missing"}},
      {Variadic{}, {x, x, three}, {"(2,) and (2,) and (3,)"}},
      {Variadic{VariadicKind::kMean}, {ints({1})}, {"expected a floating type"}},
      {Mod{}, {x, Tensor::scalar<int64_t>(1)}, {"is int64, expected float32"}},
      {Clip{}, {x, x}, {"'min' has shape (2,), expected a scalar"}},
      {Where{}, {x, x, x}, {"('condition') is float32, expected bool"}},
      {Where{}, {flags, x, three}, {"broadcast"}},
  };
  for (const Refusal& refusal : refusals) expect_refused(refusal);
}

}  // namespace
}  // namespace tendon
