#include "compare/report/plot.h"

#include <algorithm>
#include <cmath>

#include "base/format.h"
#include "compare/report/html.h"

namespace tendon::report {
namespace {

constexpr int kHeight = 400;
constexpr int kStep = 2;

int position_of(float value, const Extent& extent) {
  const double share = (static_cast<double>(value) - extent.low) / (extent.high - extent.low);
  return static_cast<int>(std::lround(kHeight * (1 - std::clamp(share, 0.0, 1.0))));
}

std::string path_of(std::span<const float> values, const Extent& extent) {
  std::string path;
  bool drawing = false;
  int last = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) {
      drawing = false;
      continue;
    }
    const int y = position_of(values[i], extent);
    path += drawing ? fmt::format(" {} {}", kStep, y - last)
                    : fmt::format("M{} {}l0 0", kStep * static_cast<int>(i), y);
    last = y;
    drawing = true;
  }
  return path;
}

size_t group_of(size_t values, size_t most) {
  return std::max<size_t>((values + most - 1) / most, 1);
}

}  // namespace

void Extent::include(std::span<const float> values) {
  for (const float value : values) {
    if (!std::isfinite(value)) continue;
    low = std::min(low, static_cast<double>(value));
    high = std::max(high, static_cast<double>(value));
  }
}

Extent Extent::padded() const {
  const double margin = high > low ? 0.04 * (high - low) : 0.5;
  return {low - margin, high + margin};
}

Extent extent_of(std::span<const Curve> curves) {
  Extent extent{std::numeric_limits<double>::max(), std::numeric_limits<double>::lowest()};
  for (const Curve& curve : curves) extent.include(curve.values);
  return extent.low <= extent.high ? extent : Extent{};
}

std::string curves_svg(std::span<const Curve> curves, const Extent& extent, std::string_view css,
                       std::string_view description, double marker) {
  size_t longest = 2;
  for (const Curve& curve : curves) longest = std::max(longest, curve.values.size());
  const int width = kStep * static_cast<int>(longest - 1);
  std::string svg = fmt::format(
      "<svg class=\"{}\" viewBox=\"0 0 {} {}\" preserveAspectRatio=\"none\" role=\"img\" "
      "aria-label=\"{}\">",
      css, width, kHeight, escaped(description));
  if (extent.low < 0 && extent.high > 0) {
    const int zero = position_of(0, extent);
    svg += fmt::format("<path class=\"zero\" d=\"M0 {}h{}\"/>", zero, width);
  }
  if (marker >= 0) {
    svg += fmt::format("<path class=\"marker\" d=\"M{} 0v{}\"/>", std::lround(marker * width),
                       kHeight);
  }
  for (const Curve& curve : curves) {
    svg += fmt::format("<path class=\"curve {}\" d=\"{}\"/>", curve.css,
                       path_of(curve.values, extent));
  }
  return svg + "</svg>";
}

std::vector<float> thinned(std::span<const float> values, size_t most) {
  std::vector<float> kept;
  const size_t group = group_of(values.size(), most);
  for (size_t at = 0; at < values.size(); at += group) kept.push_back(values[at]);
  return kept;
}

std::vector<float> thinned_to_peaks(std::span<const float> values, size_t most) {
  const auto size_of_value = [](float value) {
    return std::isnan(value) ? -1.0f : std::abs(value);
  };
  std::vector<float> kept;
  const size_t group = group_of(values.size(), most);
  for (size_t at = 0; at < values.size(); at += group) {
    kept.push_back(*std::ranges::max_element(
        values.subspan(at, std::min(group, values.size() - at)), {}, size_of_value));
  }
  return kept;
}

int heat_level(double value, double top) {
  if (!(value > 0) || !(top > 0)) return 0;
  const double below = std::floor(std::log2(top / value));
  return kHeatLevels - 1 - static_cast<int>(std::clamp(below, 0.0, kHeatLevels - 1.0));
}

std::string heat_svg(std::span<const int> levels, std::string_view description) {
  std::string svg = fmt::format(
      "<svg class=\"heat\" viewBox=\"0 0 {} 1\" preserveAspectRatio=\"none\" role=\"img\" "
      "aria-label=\"{}\">",
      std::max<size_t>(levels.size(), 1), escaped(description));
  for (int level = 0; level < kHeatLevels; ++level) {
    std::string path;
    for (size_t i = 0; i < levels.size();) {
      size_t end = i;
      while (end < levels.size() && levels[end] == level) ++end;
      if (end > i) path += fmt::format("M{} 0h{}v1h-{}z", i, end - i, end - i);
      i = std::max(end, i + 1);
    }
    if (!path.empty()) svg += fmt::format("<path class=\"h{}\" d=\"{}\"/>", level, path);
  }
  return svg + "</svg>";
}

}  // namespace tendon::report
