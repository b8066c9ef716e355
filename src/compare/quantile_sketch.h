// Quantiles of any number of errors in bounded memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tendon {

/// Holds the first values themselves, then counts them in bins whose width is at most 1/128 of the
/// value. What it says does not depend on the order of the values.
class QuantileSketch {
 public:
  /// `exact` is how many values are held before bins are used.
  explicit QuantileSketch(size_t exact = 512) : capacity_(exact) {}

  /// `value` is finite and at least 0.
  void add(float value);
  /// Sketches that still hold their values give one that does, whatever their number.
  void merge(const QuantileSketch& other);
  uint64_t count() const { return count_; }
  /// Interpolated as numpy.quantile does; `quantile` in 0..1. At least one value must be there.
  double quantile(double quantile) const;

 private:
  /// Counts the values whose upper 16 bits are key(); packed, as there may be many bins.
  class Bin {
   public:
    Bin(uint16_t key, uint64_t count) : packed_(uint64_t{key} << kCountBits | count) {}
    uint16_t key() const { return static_cast<uint16_t>(packed_ >> kCountBits); }
    uint64_t count() const { return packed_ & ((uint64_t{1} << kCountBits) - 1); }
    void add(uint64_t count) { packed_ += count; }

   private:
    static constexpr int kCountBits = 48;
    uint64_t packed_;
  };
  void use_bins();
  void add_to_bin(uint16_t key, uint64_t count);
  double binned_value(double rank) const;

  size_t capacity_;
  uint64_t count_ = 0;
  bool binned_ = false;
  std::vector<float> exact_;
  /// In order of their keys.
  std::vector<Bin> bins_;
};

}  // namespace tendon
