// Running figures of a set of errors.
#pragma once

#include <tendon/compare_actions.h>

#include "compare/quantile_sketch.h"

namespace tendon {

/// Where an error was seen.
struct ErrorPlace {
  uint32_t iteration = 0;
  int32_t step = 0;
  int32_t joint = 0;
};

class ErrorTally {
 public:
  /// `exact` as in QuantileSketch.
  explicit ErrorTally(size_t exact = 512) : sketch_(exact) {}
  /// `error` is signed and finite.
  void add(float error, const ErrorPlace& place);
  /// Of equal maxima the one that was there first keeps its place.
  void merge(const ErrorTally& other);
  uint64_t count() const { return sketch_.count(); }
  /// All zero when nothing was added. `scale` is positive.
  ErrorFigures figures(double scale = 1) const;

 private:
  double sum_ = 0;
  double magnitude_ = 0;
  double squares_ = 0;
  float max_ = 0;
  ErrorPlace place_;
  QuantileSketch sketch_;
};

}  // namespace tendon
