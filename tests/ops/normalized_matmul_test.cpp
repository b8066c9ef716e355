#include "ops/normalized_matmul.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ops/op_set.h"
#include "support/graphs.h"

namespace tendon {
namespace {

using ::testing::HasSubstr;
using testing::random_tensor;

TEST(NormalizedMatMul, EqualsTheNodesItStandsFor) {
  const std::vector<Tensor> inputs = {random_tensor({2, 3, 4}, 1), random_tensor({5, 4}, 2),
                                      random_tensor({5}, 3),       random_tensor({2, 3, 5}, 4),
                                      random_tensor({5}, 5),       random_tensor({5}, 6)};
  const NormalizedMatMul op{.trans_b = true, .alpha = 0.5f, .epsilon = 1e-3f};
  const Tensor sums = FusedMatMul{.trans_b = true, .alpha = 0.5f}.reference(
      std::span(inputs).first(NormalizedMatMul::kScale))[0];
  const Tensor expected =
      LayerNormalization{.epsilon = 1e-3f}.reference({{sums, inputs[4], inputs[5]}})[0];
  EXPECT_LE(testing::max_abs_difference(op.reference(inputs)[0], expected), 1e-5);
}

TEST(NormalizedMatMul, ReadsTheFirstColumnsOfALongerResidual) {
  std::vector<Tensor> inputs = {random_tensor({2, 3, 4}, 1), random_tensor({4, 5}, 2), Tensor(),
                                random_tensor({2, 3, 7}, 4), random_tensor({5}, 5)};
  const Tensor longer = NormalizedMatMul{}.reference(inputs)[0];
  const auto bound = [](int64_t value) { return Tensor::from<int64_t>(Shape{1}, {value}); };
  inputs[3] = Slice{}.reference({{inputs[3], bound(0), bound(5), bound(2)}})[0];
  EXPECT_EQ(inputs[3].shape(), (Shape{2, 3, 5}));
  EXPECT_EQ(testing::max_abs_difference(longer, NormalizedMatMul{}.reference(inputs)[0]), 0);

  const auto typed = [](const Shape& shape) {
    return Argument{{DataType::kFloat32, shape}, nullptr, true};
  };
  const auto infer = [&](const Shape& residual) {
    return NormalizedMatMul{}.infer(
        {{typed({2, 3, 4}), typed({4, 5}), Argument(), typed(residual), typed({5})}})[0];
  };
  EXPECT_EQ(infer({2, 3, 7}).shape, (Shape{2, 3, 5}));
  EXPECT_THROW(infer({2, 3, 4}), Error);
  EXPECT_THROW(infer({2, 4, 7}), Error);
}

TEST(NormalizedMatMul, RefusesAScaleOfAnotherWidthOrNone) {
  const auto typed = [](const Shape& shape) {
    return Argument{{DataType::kFloat32, shape}, nullptr, true};
  };
  const Argument none;
  const Argument x = typed({3, 4});
  const Argument w = typed({4, 5});
  EXPECT_EQ(NormalizedMatMul{}.infer({{x, w, none, none, typed({5})}})[0].shape, (Shape{3, 5}));
  EXPECT_THROW(NormalizedMatMul{}.infer({{x, w, none, none, typed({4})}}), Error);
  try {
    NormalizedMatMul{}.infer({{x, w}});
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("'scale') is missing"));
  }
}

}  // namespace
}  // namespace tendon
