#include "quant/quantized_weight.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/elements.h"

namespace tendon {
namespace {

/// A scale that is neither zero nor denormal.
bool is_usable(float scale) { return std::isnormal(scale) && scale > 0; }

std::vector<float> channel_scales(std::span<const float> values, const AxisSplit& split,
                                  float limit) {
  std::vector<float> scales(static_cast<size_t>(split.count), 0.0f);
  for (size_t i = 0; i < values.size(); ++i) {
    const auto element = static_cast<int64_t>(i);
    float& scale = scales[static_cast<size_t>(element / split.inner % split.count)];
    scale = std::max(scale, std::abs(values[i]) / limit);
  }
  float smallest = std::numeric_limits<float>::infinity();
  for (const float scale : scales) {
    if (is_usable(scale)) smallest = std::min(smallest, scale);
  }
  if (std::isinf(smallest)) smallest = 1 / limit;
  for (float& scale : scales) {
    if (!is_usable(scale)) scale = smallest;
  }
  return scales;
}

}  // namespace

QuantizedWeight quantize_weight(const Tensor& weight, int axis, int limit) {
  const auto largest = static_cast<float>(limit);
  const AxisSplit split = split_at(weight.shape(), axis);
  const Tensor floats = cast(weight, DataType::kFloat32);
  const auto values = floats.data<float>();
  const std::vector<float> scales = channel_scales(values, split, largest);
  Tensor codes(DataType::kInt8, weight.shape());
  const auto written = codes.mutable_data<int8_t>();
  for (size_t i = 0; i < values.size(); ++i) {
    const auto element = static_cast<int64_t>(i);
    const float scale = scales[static_cast<size_t>(element / split.inner % split.count)];
    const float code = std::nearbyint(values[i] / scale);
    written[i] = static_cast<int8_t>(std::clamp(code, -largest, largest));
  }
  return {codes, Tensor::from<float>({split.count}, scales)};
}

}  // namespace tendon
