// Attention in bfloat16: products of pairs of elements that are summed in float32, as is softmax.
#include "base/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/bfloat16_attention.cpp"
#include <hwy/foreach_target.h>

#include <cstring>
#include <limits>

#include "backends/cpu/attention_kernel.h"
#include "backends/cpu/bfloat16.h"
#include "backends/cpu/kernels.h"
#include "backends/cpu/matmul_tile-inl.h"
#include "backends/cpu/running_softmax-inl.h"
#include "backends/cpu/simd_math-inl.h"
#include "backends/cpu/support.h"

#ifndef TENDON_PAIRED_PLAN
#define TENDON_PAIRED_PLAN
namespace tendon::cpu {

/// The same attention where a word of 4 bytes holds two neighbours along the axis that is summed.
struct PairedPlan : AttentionPlan {
  int64_t pairs() const { return head_width / 2; }
  int64_t packed_keys() const { return round_up(round_up(keys, key_panel) * pairs(), 16); }
  int64_t packed_head() const {
    return packed_keys() + round_up(round_up(keys, 2) / 2 * padded_width(), 16);
  }
  int64_t query_scratch() const { return kMaxRows * pairs(); }
  int64_t slot_scratch() const {
    return query_scratch() + score_scratch() + result_scratch() + sum_scratch() + shift_scratch();
  }
};

}  // namespace tendon::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace tendon::cpu {
namespace HWY_NAMESPACE {

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;
using DW = hn::ScalableTag<uint32_t>;
using W = hn::Vec<DW>;

// Highway has neither instruction yet; they come with CPUs that have all of this target.
#if HWY_TARGET == HWY_AVX3
#define TENDON_NATIVE_PAIRS 1
#else
#define TENDON_NATIVE_PAIRS 0
#endif

/// The instructions of AVX-512 BF16.
struct NativePairs {
#if TENDON_NATIVE_PAIRS
  /// sums + a.low * b.low + a.high * b.high
  static HWY_INLINE V multiply_add(W a, W b, V sums) {
    asm("vdpbf16ps %2, %1, %0" : "+v"(sums.raw) : "v"(a.raw), "v"(b.raw));
    return sums;
  }
  static HWY_INLINE void store(V first, V second, uint32_t* to) {
    __m512i both;
    asm("vcvtne2ps2bf16 %1, %2, %0" : "=v"(both) : "v"(first.raw), "v"(second.raw));
    _mm512_storeu_si512(to, both);
  }
#endif
};

/// The same in plain vectors.
struct PlainPairs {
  static HWY_INLINE V multiply_add(W a, W b, V sums) {
    const D d;
    const W high = hn::Set(DW(), 0xffff0000u);
    const V low_a = hn::BitCast(d, hn::ShiftLeft<16>(a)),
            low_b = hn::BitCast(d, hn::ShiftLeft<16>(b));
    const V high_a = hn::BitCast(d, hn::And(a, high)), high_b = hn::BitCast(d, hn::And(b, high));
    return hn::MulAdd(high_a, high_b, hn::MulAdd(low_a, low_b, sums));
  }
  /// The elements of both, rounded, two to a word.
  static HWY_INLINE void store(V first, V second, uint32_t* to) {
    const D d;
    auto* halves = reinterpret_cast<BFloat16*>(to);
    store_floats(d, first, halves);
    store_floats(d, second, halves + hn::Lanes(d));
  }
};

/// 2^x for x < 127 to 8e-5, a twentieth of bfloat16's rounding; below -126 it is 2^-126; NaN is
/// kept.
HWY_INLINE V coarse_exp2(V x) {
  const D d;
#if TENDON_NATIVE_PAIRS
  // The second operand is taken where one is NaN.
  const V clamped{_mm512_max_ps(hn::Set(d, -126.0F).raw, x.raw)};
  const V r{_mm512_reduce_ps(clamped.raw, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC)};
  const V p = polynomial(d, r, 0.0780245371F, 0.226067199F, 0.695833489F, 0.999925228F);
  return V{_mm512_scalef_ps(p.raw, clamped.raw)};
#else
  const V clamped = at_least(d, x, -126.0F);
  const V n = hn::Floor(clamped);
  const V p =
      polynomial(d, hn::Sub(clamped, n), 0.0780245371F, 0.226067199F, 0.695833489F, 0.999925228F);
  return hn::Mul(p, power_of_two(d, n));
#endif
}

PairedPlan plan_pairs(PairedPlan plan) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(D()));
  plan.key_panel = 2 * lanes;
  plan.value_panel = plan.head_width <= lanes ? lanes : 2 * lanes;
  plan.tile_rows = kTileRows;
  return plan;
}

HWY_INLINE uint32_t load_pair(const BFloat16* x) {
  uint32_t pair;
  std::memcpy(&pair, x, sizeof pair);
  return pair;
}

/// Keys into panels [panel][pair of i][key of the panel], values into panels of columns
/// [panel][pair of keys][i of the panel]; what lies beyond the last key or column is 0.
void pack_pairs(const PairedPlan& plan, const BFloat16* k, const BFloat16* v, uint32_t* keys,
                uint32_t* values) {
  const int64_t width = plan.key_panel;
  for (int64_t first = 0; first < plan.keys; first += width) {
    const int64_t count = std::min(width, plan.keys - first);
    uint32_t* panel = keys + first * plan.pairs();
    if (count < width) std::fill_n(panel, width * plan.pairs(), 0u);
    for (int64_t key = 0; key < count; ++key) {
      const BFloat16* row = k + (first + key) * plan.k.step;
      for (int64_t i = 0; i < plan.pairs(); ++i) panel[i * width + key] = load_pair(row + 2 * i);
    }
  }
  const int64_t key_pairs = (plan.keys + 1) / 2;
  for (int64_t first = 0; first < plan.head_width; first += plan.value_panel) {
    const int64_t count = std::min(plan.value_panel, plan.head_width - first);
    uint32_t* panel = values + first * key_pairs;
    for (int64_t pair = 0; pair < key_pairs; ++pair) {
      const BFloat16* row = v + 2 * pair * plan.v.step + first;
      const BFloat16* next = 2 * pair + 1 < plan.keys ? row + plan.v.step : nullptr;
      uint32_t* to = panel + pair * plan.value_panel;
      for (int64_t i = 0; i < count; ++i) {
        const uint32_t high = next == nullptr ? 0u : uint32_t{next[i].bits};
        to[i] = uint32_t{row[i].bits} | high << 16;
      }
      std::fill_n(to + count, plan.value_panel - count, 0u);
    }
  }
}

template <class Pairs>
HWY_INLINE void attend_pairs(const PairedPlan& plan, const BFloat16* q, int64_t rows,
                             const uint32_t* keys, const uint32_t* values, float* scratch,
                             BFloat16* y) {
  const D d;
  const int64_t pairs = plan.pairs();
  const int64_t padded_width = plan.padded_width();
  const int64_t key_pairs = (plan.keys + 1) / 2;
  const int64_t tiles = (rows + kTileRows - 1) / kTileRows;
  auto* queries = reinterpret_cast<uint32_t*>(scratch);
  float* scores = scratch + plan.query_scratch();
  float* result = scores + plan.score_scratch();
  float* sums = result + plan.result_scratch();
  float* shifts = sums + plan.sum_scratch();
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto multiply_add = [](W a, W b, V sum) HWY_ATTR { return Pairs::multiply_add(a, b, sum); };

  for (int64_t row = 0; row < rows; ++row) {
    std::memcpy(queries + row * pairs, q + row * plan.q.step,
                static_cast<size_t>(pairs) * sizeof(uint32_t));
  }
  std::fill(queries + rows * pairs, queries + tiles * kTileRows * pairs, 0u);
  std::fill_n(result, tiles * kTileRows * padded_width, 0.0F);
  std::fill_n(shifts, rows, -std::numeric_limits<float>::infinity());
  std::fill_n(sums, rows * lanes, 0.0F);

  constexpr int64_t kStride = AttentionPlan::kScoreStep;
  const float units = plan.scale * 1.44269504089F;
  for (int64_t first = 0; first < plan.keys; first += AttentionPlan::kBlockKeys) {
    const int64_t count = std::min(AttentionPlan::kBlockKeys, plan.keys - first);
    const int64_t padded = (count + plan.key_panel - 1) / plan.key_panel * plan.key_panel;
    for (int64_t panel = 0; panel < padded; panel += plan.key_panel) {
      multiply_rows<2>(queries, pairs, rows, keys + (first + panel) * pairs, pairs, scores + panel,
                       kStride, false, multiply_add);
    }
    for (int64_t row = 0; row < rows; ++row) {
      float* row_scores = scores + row * kStride;
      std::fill(row_scores + count, row_scores + padded, -std::numeric_limits<float>::infinity());
      absorb_scores(
          row_scores, padded, units, result + row * padded_width, padded_width, shifts[row],
          sums + row * lanes, [](V x) HWY_ATTR { return coarse_exp2(x); },
          [row_scores](V weights, V more, int64_t i) HWY_ATTR {
            Pairs::store(weights, more, reinterpret_cast<uint32_t*>(row_scores) + i / 2);
          });
    }
    const int64_t depth = (count + 1) / 2;
    for (int64_t column = 0; column < padded_width; column += plan.value_panel) {
      const uint32_t* panel = values + column * key_pairs + first / 2 * plan.value_panel;
      const auto* weights = reinterpret_cast<const uint32_t*>(scores);
      if (plan.value_panel == plan.key_panel) {
        multiply_rows<2>(weights, kStride, rows, panel, depth, result + column, padded_width, true,
                         multiply_add);
      } else {
        multiply_rows<1>(weights, kStride, rows, panel, depth, result + column, padded_width, true,
                         multiply_add);
      }
    }
  }
  for (int64_t row = 0; row < rows; ++row) {
    const V factor =
        hn::Set(d, 1.0F / hn::GetLane(hn::SumOfLanes(d, hn::Load(d, sums + row * lanes))));
    map_vectors(d, result + row * padded_width, y + row * plan.y.step, plan.head_width,
                [factor](V v) HWY_ATTR { return hn::Mul(v, factor); });
  }
}

void attend_plain(const PairedPlan& plan, const BFloat16* q, int64_t rows, const uint32_t* keys,
                  const uint32_t* values, float* scratch, BFloat16* y) {
  attend_pairs<PlainPairs>(plan, q, rows, keys, values, scratch, y);
}

/// On CPUs that have the instructions.
void attend_native(const PairedPlan& plan, const BFloat16* q, int64_t rows, const uint32_t* keys,
                   const uint32_t* values, float* scratch, BFloat16* y) {
  using Pairs = std::conditional_t<TENDON_NATIVE_PAIRS == 1, NativePairs, PlainPairs>;
  attend_pairs<Pairs>(plan, q, rows, keys, values, scratch, y);
}
#undef TENDON_NATIVE_PAIRS

}  // namespace HWY_NAMESPACE
}  // namespace tendon::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tendon::cpu {
HWY_EXPORT(plan_pairs);
HWY_EXPORT(pack_pairs);
HWY_EXPORT(attend_plain);
HWY_EXPORT(attend_native);

Offer make_bfloat16_attention(const Attention& op, const KernelRequest& request) {
  if (auto declined = unless_bfloat16(request)) return *declined;
  if (!has_bfloat16()) return decline("this CPU has no bfloat16 instructions");
  if (!bfloat16_pairs_pay()) {
    return decline("this CPU's bfloat16 instructions are no faster than float32's");
  }
  const auto plan = HWY_DYNAMIC_DISPATCH(plan_pairs)(attention_plan<PairedPlan>(op, request));
  if (plan.head_width % 2 != 0)
    return decline("needs heads of even width, got {}", plan.head_width);
  if (plan.scale <= 0) return decline("needs a positive scale, got {}", plan.scale);
  return std::make_unique<AttentionKernel<PairedPlan, BFloat16, uint32_t>>(
      plan, &HWY_DYNAMIC_DISPATCH(pack_pairs),
      multiplies_bfloat16() ? &HWY_DYNAMIC_DISPATCH(attend_native)
                            : &HWY_DYNAMIC_DISPATCH(attend_plain));
}

}  // namespace tendon::cpu
#endif
