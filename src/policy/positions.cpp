#include "policy/positions.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

namespace tendon {
namespace {

constexpr float kTemperature = 10000.0F;
constexpr float kEpsilon = 1e-6F;
constexpr auto kTwoPi = static_cast<float>(2 * std::numbers::pi);

/// (count, channels): what each of `count` places along one axis looks like.
std::vector<float> axis_table(int64_t count, int64_t channels) {
  std::vector<float> table;
  table.reserve(static_cast<size_t>(count * channels));
  for (int64_t place = 1; place <= count; ++place) {
    const float turns = static_cast<float>(place) / (static_cast<float>(count) + kEpsilon) * kTwoPi;
    for (int64_t channel = 0; channel < channels; ++channel) {
      const float exponent = static_cast<float>(2 * (channel / 2)) / static_cast<float>(channels);
      const float angle = turns / std::pow(kTemperature, exponent);
      table.push_back(channel % 2 == 0 ? std::sin(angle) : std::cos(angle));
    }
  }
  return table;
}

}  // namespace

Tensor sine_positions(int64_t hidden, int64_t rows, int64_t columns) {
  const auto half = static_cast<size_t>(hidden / 2);
  const std::vector<float> by_row = axis_table(rows, hidden / 2);
  const std::vector<float> by_column = axis_table(columns, hidden / 2);
  Tensor table(DataType::kFloat32, {rows * columns, hidden});
  float* to = table.mutable_data<float>().data();
  for (size_t row = 0; row < static_cast<size_t>(rows); ++row) {
    for (size_t column = 0; column < static_cast<size_t>(columns); ++column) {
      to = std::copy_n(by_row.data() + row * half, half, to);
      to = std::copy_n(by_column.data() + column * half, half, to);
    }
  }
  return table;
}

}  // namespace tendon
