#include "base/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "quant/counting.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "quant/counting.h"

#ifndef TENDON_QUANT_COUNTING_ONCE
#define TENDON_QUANT_COUNTING_ONCE
namespace tendon {

/// For each set of up to 8 lanes, one bit a lane: which lanes they are, in order.
constexpr std::array<std::array<uint8_t, 8>, 256> make_lanes_of_bits() {
  std::array<std::array<uint8_t, 8>, 256> table{};
  for (size_t bits = 0; bits < table.size(); ++bits) {
    size_t next = 0;
    for (uint8_t lane = 0; lane < 8; ++lane) {
      if ((bits >> lane & 1) != 0) table[bits][next++] = lane;
    }
  }
  return table;
}
inline constexpr auto kLanesOfBits = make_lanes_of_bits();

}  // namespace tendon
#endif

HWY_BEFORE_NAMESPACE();
namespace tendon {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Writes the lanes of `bins` that `kept` holds to `to` and returns how many they are; what lies
/// behind them, up to a vector, may be overwritten. Highway's own is as fast where there is an
/// instruction for it; elsewhere it fills a table on the stack in every call.
template <class D, class V, class M>
size_t store_kept(D d, V bins, M kept, int32_t* to) {
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_SSE4
  const hn::Rebind<uint8_t, D> bytes;
  const hn::RebindToUnsigned<D> indices;
  uint8_t bits[8];
  hn::StoreMaskBits(d, kept, bits);
  const auto lanes = hn::PromoteTo(indices, hn::LoadU(bytes, kLanesOfBits[bits[0]].data()));
  hn::StoreU(hn::TableLookupLanes(bins, hn::IndicesFromVec(d, lanes)), d, to);
  return hn::CountTrue(d, kept);
#elif HWY_TARGET == HWY_AVX3
  // Compressing into memory is some hundred times slower than into a register on Zen 4.
  hn::StoreU(hn::Compress(bins, kept), d, to);
  return hn::CountTrue(d, kept);
#else
  return hn::CompressStore(bins, kept, d, to);
#endif
}

RunFindings look_at_run(const float* x, int64_t count, float scale, RunBins& bins) {
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
  RunFindings found;
  int32_t* next = bins.data();
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto value = hn::LoadU(d, x + i);
    const auto magnitude = hn::Abs(value);
    least = hn::Min(least, value);
    most = hn::Max(most, value);
    finite = hn::And(finite, hn::Le(magnitude, largest));
    const auto whole = hn::Trunc(hn::Mul(magnitude, factor));
    const auto bin = hn::And(hn::BitCast(di, hn::Add(whole, integers)), bin_bits);
    const auto counted = hn::RebindMask(di, hn::Ne(value, hn::Zero(d)));
    next += store_kept(di, bin, counted, next);
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
    if (magnitude != 0) *next++ = static_cast<int32_t>(bin);
  }
  found.bins = next - bins.data();
  return found;
}

void add_counts(uint64_t* to, const uint64_t* from, int64_t count) {
  const hn::ScalableTag<uint64_t> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    hn::StoreU(hn::Add(hn::LoadU(d, to + i), hn::LoadU(d, from + i)), d, to + i);
  }
  for (; i < count; ++i) to[i] += from[i];
}

void take_counts(uint16_t* counts, uint64_t* sums) {
#if HWY_TARGET == HWY_SCALAR
  for (size_t bin = 0; bin < Histogram::kBins; ++bin) {
    sums[bin] = std::accumulate(counts + 4 * bin, counts + 4 * (bin + 1), sums[bin]);
  }
  std::fill(counts, counts + 4 * Histogram::kBins, uint16_t{0});
#else
  static_assert(BinCounts::kCopies == 4, "the counts of a bin fill 64 bits");
  const hn::CappedTag<uint64_t, 8> d;
  const hn::Repartition<uint8_t, decltype(d)> bytes;
  const auto lanes = hn::Lanes(d);
  static_assert(Histogram::kBins % 8 == 0);
  const auto even = hn::Set(d, 0xffff0000ffff);
  const auto low = hn::Set(d, 0xffffffff);
  for (size_t bin = 0; bin < Histogram::kBins; bin += lanes) {
    auto* at = reinterpret_cast<uint8_t*>(counts + 4 * bin);
    const auto four = hn::BitCast(d, hn::Load(bytes, at));
    const auto two = hn::Add(hn::And(four, even), hn::And(hn::ShiftRight<16>(four), even));
    const auto one = hn::Add(hn::And(two, low), hn::ShiftRight<32>(two));
    hn::StoreU(hn::Add(hn::LoadU(d, sums + bin), one), d, sums + bin);
    hn::Store(hn::Zero(bytes), bytes, at);
  }
#endif
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

bool bytes_of_run(const float* x, int64_t count, uint8_t* bytes) {
  const hn::ScalableTag<float> d;
  const hn::RebindToSigned<decltype(d)> di;
  const hn::Rebind<uint8_t, decltype(d)> d8;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto full = hn::Set(d, 255.0f);
  auto good = hn::FirstN(d, static_cast<size_t>(lanes));
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto value = hn::LoadU(d, x + i);
    // Whatever is no byte becomes one that gives another value; NaN equals none.
    const auto byte = hn::NearestInt(hn::Mul(value, full));
    const auto narrow = hn::DemoteTo(d8, byte);
    const auto back = hn::ConvertTo(d, hn::PromoteTo(di, narrow));
    good = hn::And(good, hn::Eq(hn::Div(back, full), value));
    hn::StoreU(narrow, d8, bytes + i);
  }
  bool all = hn::AllTrue(d, good);
  for (; i < count; ++i) {
    const float scaled = x[i] * 255.0f;
    bytes[i] = scaled > 0 && scaled < 255.5f ? static_cast<uint8_t>(scaled + 0.5f) : uint8_t{0};
    all = all && static_cast<float>(bytes[i]) / 255.0f == x[i];
  }
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
HWY_EXPORT(add_counts);
HWY_EXPORT(take_counts);
HWY_EXPORT(are_bytes);
HWY_EXPORT(bytes_of_run);
HWY_EXPORT(add_rows);

RunFindings look_at_run(const float* x, int64_t count, float scale, RunBins& bins) {
  return HWY_DYNAMIC_DISPATCH(look_at_run)(x, count, scale, bins);
}

void add_counts(uint64_t* to, const uint64_t* from, int64_t count) {
  HWY_DYNAMIC_DISPATCH(add_counts)(to, from, count);
}

void BinCounts::take(std::span<uint64_t, Histogram::kBins> sums) {
  HWY_DYNAMIC_DISPATCH(take_counts)(counts.front().data(), sums.data());
}

bool are_bytes(const float* x, int64_t count) { return HWY_DYNAMIC_DISPATCH(are_bytes)(x, count); }

bool bytes_of_run(const float* x, int64_t count, uint8_t* bytes) {
  return HWY_DYNAMIC_DISPATCH(bytes_of_run)(x, count, bytes);
}

void add_rows(const float* x, int64_t rows, int64_t channels, float* sums) {
  HWY_DYNAMIC_DISPATCH(add_rows)(x, rows, channels, sums);
}

}  // namespace tendon
#endif
