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
