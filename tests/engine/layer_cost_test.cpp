// Costs from types alone.
#include "engine/layer_cost.h"

#include <gtest/gtest.h>

#include "ops/op.h"

namespace tendon {
namespace {

Argument of_type(DataType type, const Shape& shape) { return {{type, shape}, nullptr, true}; }

// The maxima of a pool are a quarter of what was multiplied for.
TEST(LayerCost, CountsTheProductsBeforeAPool) {
  ImageConv plain;
  plain.channels_last = true;
  plain.strides = {2, 2};
  plain.pads = {3, 3, 3, 3};
  ImageConv pooled = plain;
  pooled.pooled = true;
  QuantizedImageConv codes;
  codes.channels_last = true;
  codes.strides = {2, 2};
  codes.pads = {3, 3, 3, 3};
  const std::vector<Argument> inputs{of_type(DataType::kFloat32, {1, 48, 64, 3}),
                                     of_type(DataType::kFloat32, {8, 3, 7, 7}),
                                     of_type(DataType::kFloat32, {8})};
  const std::vector<Argument> quantized{inputs[0], of_type(DataType::kInt8, {8, 4, 7, 7}),
                                        inputs[2]};
  constexpr int64_t kResults = 24 * 32 * 8;
  EXPECT_EQ(multiply_adds(plain, inputs, plain.infer(inputs)), kResults * 3 * 49);
  EXPECT_EQ(multiply_adds(pooled, inputs, pooled.infer(inputs)), kResults * 3 * 49);
  EXPECT_EQ(multiply_adds(codes, quantized, codes.infer(quantized)), kResults * 4 * 49);
}

// Frames may be bytes while floats are multiplied, and the other way round.
TEST(LayerCost, ConvolutionsOfImagesComputeInTheirWeightsType) {
  const Argument weight = of_type(DataType::kFloat32, {8, 3, 7, 7});
  const Argument codes = of_type(DataType::kInt8, {8, 4, 7, 7});
  const Argument bytes = of_type(DataType::kUInt8, {1, 48, 64, 3});
  const Argument frames = of_type(DataType::kFloat32, {1, 48, 64, 3});
  EXPECT_EQ(precision_of(ImageConv{}, std::vector{bytes, weight}), DataType::kFloat32);
  EXPECT_EQ(precision_of(QuantizedImageConv{}, std::vector{frames, codes}), DataType::kInt8);
  EXPECT_EQ(precision_of(QuantizedConv{}, std::vector{bytes, codes}), DataType::kInt8);
  EXPECT_EQ(precision_of(FusedConv{}, std::vector{frames, weight}), DataType::kFloat32);
}

TEST(LayerCost, ProductsOfRowsThatTheyNormaliseComputeInTheirWeightsType) {
  const std::vector<Argument> inputs{of_type(DataType::kFloat16, {2, 3, 16}),
                                     of_type(DataType::kFloat32, {16, 5})};
  const LayerNormalizationMatMul op;
  EXPECT_EQ(multiply_adds(op, inputs, op.infer(inputs)), 2 * 3 * 16 * 5);
  EXPECT_EQ(precision_of(op, inputs), DataType::kFloat32);
}

}  // namespace
}  // namespace tendon
