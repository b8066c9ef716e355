// Curves and heat maps as inline SVG without text, so that they stretch to any width.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tendon::report {

struct Curve {
  std::string css;  ///< classes of the line
  /// At equal distances; NaN leaves a gap.
  std::vector<float> values;
};

struct Extent {
  double low = 0;
  double high = 0;
  void include(std::span<const float> values);
  /// Widened so that curves do not touch the edge, and never empty.
  Extent padded() const;
};
Extent extent_of(std::span<const Curve> curves);

/// Curves of equal length over one another. `marker` in 0..1 draws an upright line there; negative:
/// none. `description` (text) is what a reader who cannot see it is told.
std::string curves_svg(std::span<const Curve> curves, const Extent& extent, std::string_view css,
                       std::string_view description, double marker = -1);

/// At most `most` values: the first of each group of neighbours.
std::vector<float> thinned(std::span<const float> values, size_t most);
/// The same with the one furthest from zero, so that peaks stay.
std::vector<float> thinned_to_peaks(std::span<const float> values, size_t most);

/// Levels 0..kHeatLevels-1 of a row of cells; kNoHeat leaves a cell out.
inline constexpr int kHeatLevels = 8;
inline constexpr int kNoHeat = -1;
/// Each level is twice the one below; values up to `top` are in the highest.
int heat_level(double value, double top);
std::string heat_svg(std::span<const int> levels, std::string_view description);

}  // namespace tendon::report
