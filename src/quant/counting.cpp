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
HWY_EXPORT(add_rows);

RunFindings look_at_run(const float* x, int64_t count, float scale, int32_t* bins) {
  return HWY_DYNAMIC_DISPATCH(look_at_run)(x, count, scale, bins);
}

void add_rows(const float* x, int64_t rows, int64_t channels, float* sums) {
  HWY_DYNAMIC_DISPATCH(add_rows)(x, rows, channels, sums);
}

}  // namespace tendon
#endif
