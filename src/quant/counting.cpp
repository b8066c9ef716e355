#include "base/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "quant/counting.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "quant/counting.h"

HWY_BEFORE_NAMESPACE();
namespace tendon {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

RunFindings look_at_run(const float* x, int64_t count, float scale, int32_t* bins) {
  const hn::ScalableTag<float> d;
  const hn::RebindToSigned<decltype(d)> di;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto factor = hn::Set(d, scale);
  const auto largest = hn::Set(d, std::numeric_limits<float>::max());
  auto least = hn::Set(d, x[0]);
  auto most = least;
  auto finite = hn::FirstN(d, static_cast<size_t>(lanes));
  // An element that lies in the range has its bin in the last bits of its sum with this.
  const auto integers = hn::Set(d, 0x1p23f);
  const auto bin_bits = hn::Set(di, Histogram::kBins - 1);
  // Runs of zeros take two vectors of bins in turn.
  auto zero_bins = hn::Iota(di, kZeroBins);
  const auto turn = hn::Set(di, static_cast<int32_t>(lanes));
  static_assert(kAllBins - kZeroBins == 16 && kZeroBins % 32 == 0);
  RunFindings found;
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto value = hn::LoadU(d, x + i);
    const auto magnitude = hn::Abs(value);
    least = hn::Min(least, value);
    most = hn::Max(most, value);
    finite = hn::And(finite, hn::Le(magnitude, largest));
    const auto whole = hn::Trunc(hn::Mul(magnitude, factor));
    const auto bin = hn::And(hn::BitCast(di, hn::Add(whole, integers)), bin_bits);
    const auto is_zero = hn::RebindMask(di, hn::Eq(value, hn::Zero(d)));
    // The bin of a zero is 0.
    hn::StoreU(hn::Or(bin, hn::IfThenElseZero(is_zero, zero_bins)), di, bins + i);
    if (lanes <= 8) zero_bins = hn::Xor(zero_bins, turn);
  }
  found.min = hn::GetLane(hn::MinOfLanes(d, least));
  found.max = hn::GetLane(hn::MaxOfLanes(d, most));
  found.finite = hn::AllTrue(d, finite);
  for (; i < count; ++i) {
    found.min = std::min(found.min, x[i]);
    found.max = std::max(found.max, x[i]);
    found.finite = found.finite && std::isfinite(x[i]);
    const float magnitude = found.finite ? std::fabs(x[i]) : 0;
    // Beyond the range there is no bin, nor always an integer.
    const float bin = std::min(magnitude * scale, static_cast<float>(Histogram::kBins - 1));
    bins[i] = magnitude == 0 ? kZeroBins : static_cast<int32_t>(bin);
  }
  return found;
}

/// Turned into vectors by the compiler.
void take_counts(uint16_t* counts, uint64_t* sums) {
  static_assert(BinCounts::kCopies == 4, "the counts of a bin fill 64 bits");
  for (size_t bin = 0; bin < kAllBins; ++bin) {
    uint64_t four = 0;
    std::memcpy(&four, counts + 4 * bin, sizeof four);
    const uint64_t two = (four & 0xffff0000ffff) + (four >> 16 & 0xffff0000ffff);
    sums[bin] = (two & 0xffffffff) + (two >> 32);
  }
  std::memset(counts, 0, 4 * kAllBins * sizeof(uint16_t));
}

bool are_bytes(const float* x, int64_t count) {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto is_byte = [](auto tag, const float* at) {
    const auto scaled = hn::Mul(hn::LoadU(tag, at), hn::Set(tag, 255.0f));
    // Adding and taking away 2^23 rounds to an integer.
    const auto large = hn::Set(tag, 0x1p23f);
    const auto rounded = hn::Sub(hn::Add(scaled, large), large);
    const auto close = hn::Le(hn::Abs(hn::Sub(scaled, rounded)), hn::Set(tag, 3e-5f));
    return hn::And(close,
                   hn::And(hn::Ge(scaled, hn::Zero(tag)), hn::Le(scaled, hn::Set(tag, 255.5f))));
  };
  int64_t i = 0;
  auto good = hn::FirstN(d, static_cast<size_t>(lanes));
  for (; i + lanes <= count; i += lanes) good = hn::And(good, is_byte(d, x + i));
  bool all = hn::AllTrue(d, good);
  const hn::CappedTag<float, 1> one;
  for (; i < count; ++i) all = all && hn::AllTrue(one, is_byte(one, x + i));
  return all;
}

void add_rows(const float* x, int64_t rows, int64_t channels, float* sums) {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t c = 0;
  for (; c + lanes <= channels; c += lanes) {
    auto sum = hn::LoadU(d, sums + c);
    for (int64_t row = 0; row < rows; ++row)
      sum = hn::Add(sum, hn::LoadU(d, x + row * channels + c));
    hn::StoreU(sum, d, sums + c);
  }
  for (; c < channels; ++c) {
    for (int64_t row = 0; row < rows; ++row) sums[c] += x[row * channels + c];
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace tendon
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tendon {

HWY_EXPORT(look_at_run);
HWY_EXPORT(take_counts);
HWY_EXPORT(are_bytes);
HWY_EXPORT(add_rows);

RunFindings look_at_run(const float* x, int64_t count, float scale, int32_t* bins) {
  return HWY_DYNAMIC_DISPATCH(look_at_run)(x, count, scale, bins);
}

void BinCounts::take(std::array<uint64_t, kAllBins>& sums) {
  HWY_DYNAMIC_DISPATCH(take_counts)(counts.front().data(), sums.data());
}

bool are_bytes(const float* x, int64_t count) { return HWY_DYNAMIC_DISPATCH(are_bytes)(x, count); }

void add_rows(const float* x, int64_t rows, int64_t channels, float* sums) {
  HWY_DYNAMIC_DISPATCH(add_rows)(x, rows, channels, sums);
}

}  // namespace tendon
#endif
