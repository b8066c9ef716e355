// Which places of one axis of an image GridSample reads for a coordinate, and with which weights.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "ops/grid_sample.h"

namespace tendon {

/// One coordinate's share of the input positions along one axis; an index of -1 reads 0.
struct GridTaps {
  int count = 0;
  std::array<int64_t, 4> index{};
  std::array<double, 4> weight{};

  void add(int64_t place, double share) {
    index[static_cast<size_t>(count)] = place;
    weight[static_cast<size_t>(count++)] = share;
  }
};

class GridAxis {
 public:
  /// An axis of `size` places; `op` must outlive it.
  GridAxis(const GridSample& op, int64_t size);

  /// Any coordinate, NaN and infinities as well.
  GridTaps taps(double normalized) const;

 private:
  double inside(double x) const;
  int64_t place(double x) const;

  const GridSample& op_;
  double size_;
  double low_;
  double high_;
};

}  // namespace tendon
