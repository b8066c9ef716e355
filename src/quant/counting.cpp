#include "base/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "quant/counting.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>
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
  const auto zero_bins = hn::Iota(di, kZeroBins);
  RunFindings found;
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto value = hn::LoadU(d, x + i);
    const auto magnitude = hn::Abs(value);
    least = hn::Min(least, value);
    most = hn::Max(most, value);
    finite = hn::And(finite, hn::Le(magnitude, largest));
    const auto bin = hn::ConvertTo(di, hn::Mul(magnitude, factor));
    const auto is_zero = hn::RebindMask(di, hn::Eq(value, hn::Zero(d)));
    hn::StoreU(hn::IfThenElse(is_zero, zero_bins, bin), di, bins + i);
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

void take_counts(BinCounts& counts, std::array<uint32_t, kAllBins>& sums) {
  const hn::ScalableTag<uint32_t> d;
  const hn::Rebind<uint16_t, decltype(d)> narrow;
  const size_t lanes = hn::Lanes(d);
  static_assert(kAllBins % 16 == 0);
  for (size_t bin = 0; bin < sums.size(); bin += lanes) {
    auto sum = hn::Zero(d);
    for (auto& copy : counts.copies) {
      sum = hn::Add(sum, hn::PromoteTo(d, hn::LoadU(narrow, copy.data() + bin)));
      hn::StoreU(hn::Zero(narrow), narrow, copy.data() + bin);
    }
    hn::StoreU(sum, d, sums.data() + bin);
  }
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

void take_counts(BinCounts& counts, std::array<uint32_t, kAllBins>& sums) {
  HWY_DYNAMIC_DISPATCH(take_counts)(counts, sums);
}

bool are_bytes(const float* x, int64_t count) { return HWY_DYNAMIC_DISPATCH(are_bytes)(x, count); }

void add_rows(const float* x, int64_t rows, int64_t channels, float* sums) {
  HWY_DYNAMIC_DISPATCH(add_rows)(x, rows, channels, sums);
}

}  // namespace tendon
#endif
