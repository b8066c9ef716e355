// Order statistics and places in tensors, shared by the comparisons.
#pragma once

#include <tendon/tensor.h>

#include <span>
#include <string>
#include <vector>

namespace tendon {

/// Interpolated between neighbours as numpy.quantile does; `sorted` must not be empty.
double quantile_of_sorted(std::span<const double> sorted, double quantile);

/// Coordinates of the flat position `index`.
Shape unravel_index(size_t index, const Shape& shape);

/// What stands in the way of arithmetic with a tensor.
struct NonFinite {
  int64_t nan_count = 0;
  int64_t inf_count = 0;
  Shape first_nan;
  Shape first_inf;
  bool any() const { return nan_count + inf_count > 0; }
};
NonFinite find_non_finite(std::span<const double> values, const Shape& shape);
/// "2 NaN, first at (0, 5, 3)"; "1 Inf, first at …"; both joined by " and ".
std::string to_string(const NonFinite& found);

}  // namespace tendon
