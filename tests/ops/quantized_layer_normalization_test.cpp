#include "ops/quantized_layer_normalization.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ops/op_set.h"
#include "support/files.h"
#include "support/graphs.h"

namespace tendon {
namespace {

using testing::random_tensor;

TEST(QuantizedLayerNormalization, EqualsTheNodesItStandsFor) {
  const Tensor x = random_tensor({2, 3, 8}, 1);
  const Tensor weight = random_tensor({8}, 3);
  const Tensor bias = random_tensor({8}, 4);
  for (const DataType type : {DataType::kInt8, DataType::kUInt8}) {
    const QuantizedLayerNormalization op{{}, -1, 1e-3f, type, 0.01f};
    const std::vector<Tensor> made = op.reference({{x, weight, bias}});
    const Tensor y = LayerNormalization{{}, -1, 1e-3f}.reference({{x, weight, bias}})[0];
    const Tensor zero = cast(Tensor::scalar<int64_t>(0), type);
    EXPECT_EQ(made[0], y);
    EXPECT_EQ(made[1], QuantizeLinear{}.reference({{y, Tensor::scalar(0.01f), zero}})[0]);
  }
}

TEST(QuantizedLayerNormalization, RefusesOtherTypes) {
  const Argument x{{DataType::kFloat32, {2, 8}}, nullptr, true};
  const Argument other{{DataType::kFloat64, {2, 8}}, nullptr, true};
  const Argument weight{{DataType::kFloat32, {8}}, nullptr, true};
  QuantizedLayerNormalization op;
  testing::expect_bad_input({"X", "float64"}, [&] { op.infer({{other, weight}}); });
  op.y_dtype = DataType::kFloat32;
  testing::expect_bad_input({"float32, expected int8"}, [&] { op.infer({{x, weight}}); });
  op = {};
  op.y_scale = 0;
  testing::expect_bad_input({"scale is 0"}, [&] { op.infer({{x, weight}}); });
}

}  // namespace
}  // namespace tendon
