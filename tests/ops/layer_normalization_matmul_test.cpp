#include "ops/layer_normalization_matmul.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ops/op_set.h"
#include "support/graphs.h"

namespace tendon {
namespace {

using ::testing::HasSubstr;
using testing::random_tensor;

Tensor normalised_rows(const Tensor& x, float epsilon, const Tensor& scale,
                       const Tensor& shift = {}) {
  std::vector<Tensor> inputs{x, scale};
  if (shift.defined()) inputs.push_back(shift);
  return LayerNormalization{.epsilon = epsilon}.reference(inputs)[0];
}

TEST(LayerNormalizationMatMul, EqualsTheNodesItStandsFor) {
  const std::vector<Tensor> inputs = {random_tensor({2, 3, 4}, 1), random_tensor({4, 5}, 2),
                                      random_tensor({5}, 3), random_tensor({4}, 4),
                                      random_tensor({4}, 5)};
  const LayerNormalizationMatMul op{.epsilon = 1e-3F, .first_epsilon = 1e-2F};
  const Tensor one = Tensor::scalar(1.0F);
  const auto product = [&](const Tensor& rows) {
    const std::vector<Tensor> factors{rows, inputs[1], inputs[2]};
    return FusedMatMul{}.reference(factors)[0];
  };
  const Tensor first = normalised_rows(inputs[0], 1e-2F, inputs[3], inputs[4]);
  EXPECT_LE(testing::max_abs_difference(op.reference(inputs)[0],
                                        product(normalised_rows(first, 1e-3F, one))),
            1e-5);
  EXPECT_LE(testing::max_abs_difference(op.reference(std::span(inputs).first(3))[0],
                                        product(normalised_rows(inputs[0], 1e-3F, one))),
            1e-5);
}

Argument tensor_of(const Shape& shape, DataType dtype = DataType::kFloat32) {
  return Argument{{dtype, shape}, nullptr, true};
}

TEST(LayerNormalizationMatMul, ItsRowsMayHaveAnotherType) {
  const Argument x = tensor_of({2, 3, 4}, DataType::kFloat16);
  const auto y =
      LayerNormalizationMatMul{}.infer({{x, tensor_of({4, 5}), tensor_of({5}), tensor_of({4})}})[0];
  EXPECT_EQ(y, (TensorType{DataType::kFloat32, {2, 3, 5}}));
  const Tensor rows = cast(random_tensor({3, 4}), DataType::kFloat16);
  const std::vector<Tensor> inputs{rows, random_tensor({4, 5}, 2)};
  EXPECT_EQ(LayerNormalizationMatMul{}.reference(inputs)[0].dtype(), DataType::kFloat32);
}

TEST(LayerNormalizationMatMul, RefusesWhatDoesNotFit) {
  struct Row {
    std::vector<Argument> inputs;
    std::string_view part;
  };
  const Argument x = tensor_of({3, 4});
  const Argument w = tensor_of({4, 5});
  const Argument none;
  const Row rows[] = {
      {{x}, "'B') is missing"},
      {{x, tensor_of({5, 4})}, "4 columns meet 5 rows"},
      {{x, tensor_of({2, 4, 5})}, "expected 2 dimensions"},
      {{tensor_of({3, 4}, DataType::kInt8), w}, "expected a floating type"},
      {{x, w, tensor_of({4})}, "'bias' has shape"},
      {{x, w, tensor_of({5}, DataType::kFloat16)}, "('bias') is float16, expected float32"},
      {{x, w, none, tensor_of({5})}, "'scale' has shape"},
      {{x, w, none, none, tensor_of({4})}, "('scale') is missing"},
  };
  for (const Row& row : rows) {
    try {
      LayerNormalizationMatMul{}.infer(row.inputs);
      ADD_FAILURE() << row.part;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr(std::string(row.part)));
    }
  }
}

}  // namespace
}  // namespace tendon
