#include "compare/error_tally.h"

#include <cmath>

namespace tendon {

void ErrorTally::add(float error, const ErrorPlace& place) {
  const float magnitude = std::abs(error);
  if (magnitude > max_ || sketch_.count() == 0) {
    max_ = magnitude;
    place_ = place;
  }
  sum_ += static_cast<double>(error);
  magnitude_ += static_cast<double>(magnitude);
  squares_ += static_cast<double>(magnitude) * static_cast<double>(magnitude);
  sketch_.add(magnitude);
}

void ErrorTally::merge(const ErrorTally& other) {
  if (other.count() == 0) return;
  if (other.max_ > max_ || count() == 0) {
    max_ = other.max_;
    place_ = other.place_;
  }
  sum_ += other.sum_;
  magnitude_ += other.magnitude_;
  squares_ += other.squares_;
  sketch_.merge(other.sketch_);
}

ErrorFigures ErrorTally::figures(double scale) const {
  ErrorFigures result;
  if (count() == 0) return result;
  const auto values = static_cast<double>(count());
  result.count = static_cast<int64_t>(count());
  result.mean = scale * magnitude_ / values;
  result.bias = scale * sum_ / values;
  result.rms = scale * std::sqrt(squares_ / values);
  result.max = scale * static_cast<double>(max_);
  // A bin's value may lie above the largest one in it.
  result.p99 = std::min(scale * sketch_.quantile(0.99), result.max);
  result.iteration = place_.iteration;
  result.step = place_.step;
  result.joint = place_.joint;
  return result;
}

}  // namespace tendon
