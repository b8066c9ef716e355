// Running figures of one layer output against its reference.
#pragma once

#include <tendon/compare_layers.h>

#include <array>

namespace tendon {

class LayerTally {
 public:
  /// `tested` and `reference` have equal numbers of elements in the same order; the reference holds
  /// floating values, and the tested type stays the same from call to call.
  void add(const Tensor& tested, const Tensor& reference);
  /// Fills in the figures.
  void finish(LayerDifference& difference) const;

 private:
  /// Sum of squares that the best straight line from codes to values leaves over.
  double residual() const;

  DataType dtype_ = DataType::kFloat32;
  double count_ = 0;
  double sum_t_ = 0, sum_r_ = 0;
  double sum_tt_ = 0, sum_rr_ = 0, sum_tr_ = 0;
  double noise_ = 0;
  /// By code + 128 for int8, by code for uint8.
  std::array<uint64_t, 256> codes_{};
  /// Codes 0 of values below zero: where 0 stands for zero, as after Relu, it is no limit.
  uint64_t below_zero_ = 0;
};

}  // namespace tendon
