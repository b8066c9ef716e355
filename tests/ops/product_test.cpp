// MatMul and Gemm: ranks, transpositions, whole numbers, and shapes that do not fit.
#include <limits>

#include "support/graphs.h"
#include "support/run_op.h"

namespace tendon {
namespace {

using namespace testing;

Tensor whole(const Shape& shape, const std::vector<int64_t>& values) {
  return Tensor::from<int64_t>(shape, values);
}

TEST(MatMul, LiftsRankOneAndBroadcastsBatches) {
  const struct {
    Shape a;
    Shape b;
    Shape expected;
  } cases[] = {
      {{3}, {3}, {}},           {{3}, {3, 2}, {2}},
      {{4, 3}, {3}, {4}},       {{2, 1, 4, 3}, {5, 3, 2}, {2, 5, 4, 2}},
      {{3}, {2, 3, 4}, {2, 4}}, {{2, 0}, {0, 3}, {2, 3}},
      {{0, 2}, {2, 3}, {0, 3}},
  };
  for (const auto& c : cases) {
    const Tensor y = run_op(MatMul{}, {random_tensor(c.a), random_tensor(c.b)})[0];
    EXPECT_EQ(y.shape(), c.expected) << to_string(c.a) << to_string(c.b);
  }
}

TEST(MatMul, MultipliesBatchByBatch) {
  const Tensor a = whole({2, 1, 2}, {1, 2, 3, 4});
  const Tensor b = whole({2, 2}, {1, 10, 100, 1000});
  EXPECT_EQ(run_op(MatMul{}, {a, b})[0], whole({2, 1, 2}, {201, 2010, 403, 4030}));
  const int64_t large = int64_t{1} << 62;
  EXPECT_EQ(run_op(MatMul{}, {ints({large, large}), ints({2, 3})})[0],
            Tensor::scalar<int64_t>(large));
}

TEST(Gemm, TransposesScalesAndAdds) {
  Gemm gemm;
  gemm.trans_a = true;
  gemm.trans_b = true;
  gemm.alpha = 2;
  gemm.beta = 3;
  const Tensor a = floats({2, 1}, {1, 2});
  const Tensor b = floats({3, 2}, {1, 2, 3, 4, 5, 6});
  EXPECT_EQ(run_op(gemm, {a, b})[0], floats({1, 3}, {10, 22, 34}));
  EXPECT_EQ(run_op(gemm, {a, b, floats({1}, {1})})[0], floats({1, 3}, {13, 25, 37}));
  EXPECT_EQ(run_op(gemm, {whole({2, 1}, {1, 2}), whole({1, 2}, {3, 4})})[0], whole({1, 1}, {22}));
}

TEST(Products, Refuse) {
  const Tensor a = random_tensor({2, 3});
  Gemm half;
  half.alpha = 0.5f;
  const Refusal refusals[] = {
      {MatMul{}, {a, a}, {"(2, 3) x (2, 3)", "3 columns", "2 rows"}},
      {MatMul{}, {random_tensor({}), a}, {"scalar"}},
      {MatMul{}, {a, cast(a, DataType::kFloat64)}, {"('B') is float64, expected float32"}},
      {MatMul{}, {random_tensor({2, 1, 3}), random_tensor({4, 3, 1})}, {"(2,) and (4,)"}},
      {MatMul{}, {a}, {"input 1 ('B') is missing"}},
      {Gemm{}, {a, random_tensor({3})}, {"'B' has shape (3,), expected 2 dimensions"}},
      {Gemm{}, {a, a}, {"3 columns against 2 rows"}},
      {Gemm{}, {a, random_tensor({3, 4}), random_tensor({2, 3})}, {"(2, 3)", "to (2, 4)"}},
      {Gemm{}, {a, random_tensor({3, 4}), random_tensor({1, 2, 4})}, {"(1, 2, 4)"}},
      {half, {whole({1, 1}, {1}), whole({1, 1}, {1})}, {"'alpha' is 0.5"}},
  };
  for (const Refusal& refusal : refusals) expect_refused(refusal);
}

}  // namespace
}  // namespace tendon
