#include "ops/reduce.h"

#include <cmath>
#include <limits>

#include "support/run_op.h"

namespace tendon {
namespace {

using namespace testing;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

Tensor doubles(const Shape& shape, const std::vector<double>& values) {
  return Tensor::from<double>(shape, values);
}

TEST(Reduce, AgreesWithHandComputedValues) {
  const Tensor x = doubles({2, 2}, {1, -2, 3, 4});
  const struct {
    ReduceKind kind;
    std::vector<double> expected;
  } cases[] = {
      {ReduceKind::kMean, {-0.5, 3.5}},
      {ReduceKind::kSum, {-1, 7}},
      {ReduceKind::kMax, {1, 4}},
      {ReduceKind::kMin, {-2, 3}},
      {ReduceKind::kProd, {-2, 12}},
      {ReduceKind::kSumSquare, {5, 25}},
      {ReduceKind::kL1, {3, 7}},
      {ReduceKind::kL2, {std::sqrt(5.0), 5}},
      {ReduceKind::kLogSum, {std::nan(""), std::log(7.0)}},
      {ReduceKind::kLogSumExp, {1 + std::log1p(std::exp(-3.0)), 4 + std::log1p(std::exp(-1.0))}},
  };
  for (const auto& c : cases) {
    const Tensor y = run_op(Reduce{c.kind, false}, {x, ints({-1})})[0];
    for (size_t i = 0; i < 2; ++i) {
      if (std::isnan(c.expected[i])) {
        EXPECT_TRUE(std::isnan(y.data<double>()[i]));
      } else {
        EXPECT_NEAR(y.data<double>()[i], c.expected[i], 1e-12) << to_string(Op(Reduce{c.kind}));
      }
    }
  }
}

TEST(Reduce, AxesInputDecides) {
  const Tensor x = doubles({2, 1, 3}, {1, 2, 3, 4, 5, 6});
  const Reduce sum{ReduceKind::kSum};
  EXPECT_EQ(run_op(sum, {x})[0], doubles({1, 1, 1}, {21}));
  EXPECT_EQ(run_op(sum, {x, ints({})})[0], doubles({1, 1, 1}, {21}));
  EXPECT_EQ(run_op(sum, {x, Tensor()})[0], doubles({1, 1, 1}, {21}));
  EXPECT_EQ(run_op(sum, {x, ints({2, 0})})[0], doubles({1, 1, 1}, {21}));
  EXPECT_EQ(run_op(sum, {x, ints({0})})[0], doubles({1, 1, 3}, {5, 7, 9}));
  EXPECT_EQ(run_op(Reduce{ReduceKind::kSum, false}, {x})[0], doubles({}, {21}));
  const Reduce noop{ReduceKind::kSum, true, true};
  EXPECT_EQ(run_op(noop, {x})[0], x);
}

TEST(Reduce, OverNothingIsTheNeutralElement) {
  const Tensor none(DataType::kFloat64, {2, 0});
  EXPECT_EQ(run_op(Reduce{ReduceKind::kSum}, {none, ints({1})})[0], doubles({2, 1}, {0, 0}));
  EXPECT_EQ(run_op(Reduce{ReduceKind::kProd}, {none, ints({1})})[0], doubles({2, 1}, {1, 1}));
  EXPECT_EQ(run_op(Reduce{ReduceKind::kMax}, {none, ints({1})})[0],
            doubles({2, 1}, {-kInfinity, -kInfinity}));
  EXPECT_EQ(run_op(Reduce{ReduceKind::kSum}, {none, ints({0})})[0].shape(), (Shape{1, 0}));
  EXPECT_EQ(run_op(Reduce{ReduceKind::kLogSumExp}, {none, ints({1})})[0],
            doubles({2, 1}, {-kInfinity, -kInfinity}));
}

TEST(Reduce, KeepsNaNLargeValuesAndWholeNumbers) {
  const Tensor x = doubles({3}, {1, std::nan(""), 2});
  EXPECT_TRUE(std::isnan(run_op(Reduce{ReduceKind::kMax}, {x})[0].data<double>()[0]));
  EXPECT_TRUE(std::isnan(run_op(Reduce{ReduceKind::kMin}, {x})[0].data<double>()[0]));
  const Tensor large = doubles({2}, {1000, 1000});
  EXPECT_NEAR(run_op(Reduce{ReduceKind::kLogSumExp}, {large})[0].data<double>()[0],
              1000 + std::log(2.0), 1e-12);
  const int64_t odd = (int64_t{1} << 53) + 1;
  EXPECT_EQ(run_op(Reduce{ReduceKind::kSum, false}, {ints({odd, 2})})[0],
            Tensor::scalar<int64_t>(odd + 2));
}

TEST(Reduce, Refuses) {
  const Tensor x(DataType::kFloat32, {2, 3});
  const Refusal refusals[] = {
      {Reduce{}, {x, ints({2})}, {"axis 2 is outside [-2, 2)"}},
      {Reduce{}, {x, ints({1, -1})}, {"[1, -1]", "twice"}},
      {Reduce{}, {x, floats({1}, {1})}, {"expected integers"}},
      {Reduce{ReduceKind::kMax}, {Tensor(DataType::kInt32, {0})}, {"ReduceMax over no elements"}},
      {Reduce{ReduceKind::kSum}, {Tensor(DataType::kBool, {1})}, {"is bool"}},
  };
  for (const Refusal& refusal : refusals) expect_refused(refusal);
}

}  // namespace
}  // namespace tendon
