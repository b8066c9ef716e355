#include "quant/quantized_weight.h"

#include <gtest/gtest.h>

#include <cmath>

#include "support/graphs.h"

namespace tendon {
namespace {

TEST(QuantizedWeight, EveryOutputChannelUsesAllCodes) {
  const Tensor weight = Tensor::from<float>({2, 2}, {1.0f, -0.5f, 100.0f, 25.0f});
  const QuantizedWeight by_row = quantize_weight(weight, 0);
  EXPECT_EQ(by_row.codes, Tensor::from<int8_t>({2, 2}, {127, -64, 127, 32}));
  EXPECT_FLOAT_EQ(by_row.scales.data<float>()[0], 1.0f / 127);
  EXPECT_FLOAT_EQ(by_row.scales.data<float>()[1], 100.0f / 127);
  const QuantizedWeight by_column = quantize_weight(weight, 1);
  EXPECT_EQ(by_column.codes, Tensor::from<int8_t>({2, 2}, {1, -3, 127, 127}));
}

TEST(QuantizedWeight, RoundingErrorIsAtMostHalfAStep) {
  const Tensor weight = testing::random_tensor({7, 5, 3, 3});
  for (const int limit : {127, 63}) {
    const QuantizedWeight quantized = quantize_weight(weight, 0, limit);
    for (int64_t i = 0; i < weight.size(); ++i) {
      const auto k = static_cast<size_t>(i);
      const float scale = quantized.scales.data<float>()[k / 45];
      const auto code = static_cast<float>(quantized.codes.data<int8_t>()[k]);
      EXPECT_LE(std::abs(code), static_cast<float>(limit));
      EXPECT_LE(std::abs(weight.data<float>()[k] - code * scale), 0.5001f * scale);
    }
  }
}

// A scale of 0 would divide by zero, a denormal one would be flushed to it.
TEST(QuantizedWeight, NoScaleIsZeroOrDenormal) {
  const Tensor weight = Tensor::from<float>({3, 2}, {0, 0, 1e-42f, 0, 5, 2});
  const QuantizedWeight quantized = quantize_weight(weight, 0);
  for (const float scale : quantized.scales.data<float>()) EXPECT_FLOAT_EQ(scale, 5.0f / 127);
  const QuantizedWeight zero = quantize_weight(Tensor(DataType::kFloat32, {2, 2}), 0);
  for (const float scale : zero.scales.data<float>()) EXPECT_TRUE(std::isnormal(scale));
}

}  // namespace
}  // namespace tendon
