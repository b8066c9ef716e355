// Histogram: how often |x| fell where, over a range that grows without losing exactness.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace tendon {

struct BinCounts;

/// kBins bins of equal width over [0, 2^exponent). Growing doubles the range and adds pairs of
/// bins, which gives what the wider range would have counted from the start; so the result depends
/// on neither the order of the elements nor on how they were shared out.
class Histogram {
 public:
  static constexpr int kBins = 2048;
  /// Everything smaller counts in bin 0 of this range.
  static constexpr int kMinExponent = -100;

  /// The least exponent whose range holds `magnitude`, which is finite and not negative.
  static int exponent_for(float magnitude);

  int exponent() const { return exponent_; }
  double range() const;
  double bin_width() const { return range() / kBins; }
  uint64_t count(int bin) const { return counts_[static_cast<size_t>(bin)]; }
  const std::array<uint64_t, kBins>& counts() const { return counts_; }
  uint64_t total() const;
  /// One more than the last bin that is not empty.
  int used_bins() const;
  /// The smallest edge of a bin that at least `share` (0 to 1) of all elements lie below.
  double edge_covering(double share) const;

  void add(float magnitude, uint64_t count = 1) { counts_[bin_of(magnitude)] += count; }
  void add_to_bin(int bin, uint64_t count) { counts_[static_cast<size_t>(bin)] += count; }
  /// Takes over what was counted into the bins of the same range.
  void take(BinCounts& counts);
  /// Widens the range to 2^exponent; a smaller one changes nothing.
  void widen(int exponent);
  void merge(const Histogram& other);
  /// Empties the bins and sets the range to 2^exponent.
  void reset(int exponent) {
    counts_.fill(0);
    exponent_ = exponent;
  }

  bool operator==(const Histogram&) const = default;

 private:
  size_t bin_of(float magnitude) const;

  int exponent_ = kMinExponent;
  std::array<uint64_t, kBins> counts_{};
};

}  // namespace tendon
