#include "ops/grid_axis.h"

#include <algorithm>
#include <cmath>

namespace tendon {
namespace {

/// x mirrored at `low` and `high` until it lies between them.
double reflected(double x, double low, double high) {
  const double range = high - low;
  if (range <= 0) return low;
  double distance = std::fmod(std::fabs(x - low), 2 * range);
  if (distance > range) distance = 2 * range - distance;
  return low + distance;
}

double cubic(double x) {
  constexpr double kA = -0.75;
  x = std::fabs(x);
  if (x <= 1) return ((kA + 2) * x - (kA + 3)) * x * x + 1;
  return x < 2 ? ((kA * x - 5 * kA) * x + 8 * kA) * x - 4 * kA : 0;
}

}  // namespace

GridAxis::GridAxis(const GridSample& op, int64_t size)
    : op_(op),
      size_(static_cast<double>(size)),
      low_(op.align_corners ? 0 : -0.5),
      high_(op.align_corners ? size_ - 1 : size_ - 0.5) {}

GridTaps GridAxis::taps(double normalized) const {
  double x =
      op_.align_corners ? (normalized + 1) / 2 * (size_ - 1) : ((normalized + 1) * size_ - 1) / 2;
  // Far outside, and NaN, is all alike; this keeps the conversion to an integer defined.
  constexpr double kFar = 1e15;
  x = std::isnan(x) ? -kFar : std::clamp(x, -kFar, kFar);
  GridTaps taps;
  if (op_.mode == "nearest") {
    taps.add(place(inside(std::nearbyint(x))), 1);
    return taps;
  }
  x = inside(x);
  const double base = std::floor(x);
  const double t = x - base;
  if (op_.mode.ends_with("linear")) {
    taps.add(place(base), 1 - t);
    taps.add(place(base + 1), t);
    return taps;
  }
  for (int k = -1; k <= 2; ++k) taps.add(place(base + k), cubic(t - k));
  return taps;
}

/// A coordinate moved to where the padding mode reads it.
double GridAxis::inside(double x) const {
  if (x >= low_ && x <= high_) return x;
  if (op_.padding_mode == "border") return std::clamp(x, 0.0, size_ - 1);
  return op_.padding_mode == "reflection" ? reflected(x, low_, high_) : x;
}

int64_t GridAxis::place(double x) const {
  if (op_.padding_mode == "zeros" && (x < 0 || x > size_ - 1)) return -1;
  if (op_.padding_mode == "reflection") x = reflected(x, low_, high_);
  return static_cast<int64_t>(std::clamp(x, 0.0, size_ - 1));
}

}  // namespace tendon
