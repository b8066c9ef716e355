#include "ops/add_layer_normalization.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ops/op_set.h"
#include "support/graphs.h"

namespace tendon {
namespace {

using testing::random_tensor;

TEST(AddLayerNormalization, EqualsTheNodesItStandsFor) {
  const Tensor x = random_tensor({2, 3, 8}, 1);
  const Tensor residual = random_tensor({2, 3, 8}, 2);
  const Tensor scale = random_tensor({8}, 3);
  const Tensor bias = random_tensor({8}, 4);
  const Tensor sum = Binary{BinaryKind::kAdd}.reference({{x, residual}})[0];
  const Tensor expected = LayerNormalization{{}, -1, 1e-3f}.reference({{sum, scale, bias}})[0];
  const AddLayerNormalization op{{}, -1, 1e-3f};
  EXPECT_LE(testing::max_abs_difference(op.reference({{x, residual, scale, bias}})[0], expected),
            1e-6);
}

TEST(AddLayerNormalization, RefusesAResidualOfAnotherShape) {
  const Argument x{{DataType::kFloat32, {2, 8}}, nullptr, true};
  const Argument row{{DataType::kFloat32, {8}}, nullptr, true};
  try {
    AddLayerNormalization{}.infer({{x, row, row}});
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("residual is float32(8,), expected"));
  }
}

}  // namespace
}  // namespace tendon
