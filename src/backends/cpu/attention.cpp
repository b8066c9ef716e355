// Attention without the matrix of scores: tiles of queries meet blocks of keys, and a running
// maximum and sum make softmax exact.
#include "base/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/attention.cpp"
#include <hwy/foreach_target.h>

#include <limits>

#include "backends/cpu/attention_kernel.h"
#include "backends/cpu/kernels.h"
#include "backends/cpu/matmul_tile-inl.h"
#include "backends/cpu/running_softmax-inl.h"
#include "backends/cpu/simd_math-inl.h"
#include "backends/cpu/support.h"

HWY_BEFORE_NAMESPACE();
namespace tendon::cpu {
namespace HWY_NAMESPACE {

AttentionPlan plan_attention(AttentionPlan plan) {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  plan.key_panel = 2 * lanes;
  plan.value_panel = plan.head_width <= lanes ? lanes : 2 * lanes;
  plan.tile_rows = kTileRows;
  return plan;
}

/// Keys transposed into panels [panel][i][key of the panel], values into panels of columns
/// [panel][key][i of the panel]; what lies beyond the last key or column is 0.
void pack_head(const AttentionPlan& plan, const float* k, const float* v, float* keys,
               float* values) {
  const int64_t d = plan.head_width;
  const int64_t width = plan.key_panel;
  for (int64_t first = 0; first < plan.keys; first += width) {
    const int64_t count = std::min(width, plan.keys - first);
    float* panel = keys + first * d;
    if (count < width) std::fill_n(panel, width * d, 0.0f);
    for (int64_t key = 0; key < count; ++key) {
      const float* row = k + (first + key) * plan.k.step;
      for (int64_t i = 0; i < d; ++i) panel[i * width + key] = row[i];
    }
  }
  for (int64_t first = 0; first < d; first += plan.value_panel) {
    const int64_t count = std::min(plan.value_panel, d - first);
    float* panel = values + first * plan.keys;
    for (int64_t key = 0; key < plan.keys; ++key) {
      float* row = panel + key * plan.value_panel;
      std::copy_n(v + key * plan.v.step + first, count, row);
      std::fill_n(row + count, plan.value_panel - count, 0.0f);
    }
  }
}

void attend_tile(const AttentionPlan& plan, const float* q, int64_t rows, const float* keys,
                 const float* values, float* scratch, float* y) {
  const hn::ScalableTag<float> d;
  const int64_t width = plan.head_width;
  const int64_t padded_width = plan.padded_width();
  const int64_t tiles = (rows + kTileRows - 1) / kTileRows;
  float* queries = scratch;
  float* scores = queries + plan.query_scratch();
  float* result = scores + plan.score_scratch();
  float* sums = result + plan.result_scratch();
  float* shifts = sums + plan.sum_scratch();
  using V = hn::Vec<decltype(d)>;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));

  const float units = plan.scale * 1.44269504089f;
  for (int64_t row = 0; row < rows; ++row) {
    const auto scale = hn::Set(d, units);
    map_vectors(d, q + row * plan.q.step, queries + row * width, width,
                [scale](auto v) HWY_ATTR { return hn::Mul(v, scale); });
  }
  std::fill(queries + rows * width, queries + tiles * kTileRows * width, 0.0f);
  std::fill_n(result, tiles * kTileRows * padded_width, 0.0f);
  std::fill_n(shifts, rows, -std::numeric_limits<float>::infinity());
  std::fill_n(sums, rows * lanes, 0.0f);

  constexpr int64_t kStride = AttentionPlan::kScoreStep;
  for (int64_t first = 0; first < plan.keys; first += AttentionPlan::kBlockKeys) {
    const int64_t count = std::min(AttentionPlan::kBlockKeys, plan.keys - first);
    const int64_t padded = (count + plan.key_panel - 1) / plan.key_panel * plan.key_panel;
    for (int64_t panel = 0; panel < padded; panel += plan.key_panel) {
      multiply_rows<2>(queries, width, rows, keys + (first + panel) * width, width, scores + panel,
                       kStride, false);
    }
    for (int64_t row = 0; row < rows; ++row) {
      float* row_scores = scores + row * kStride;
      std::fill(row_scores + count, row_scores + padded, -std::numeric_limits<float>::infinity());
      absorb_scores(
          row_scores, padded, 1.0f, result + row * padded_width, padded_width, shifts[row],
          sums + row * lanes, [d](V x) HWY_ATTR { return exp2_below_127(d, x); },
          [d, row_scores, lanes](V weights, V more, int64_t i) HWY_ATTR {
            hn::Store(weights, d, row_scores + i);
            hn::Store(more, d, row_scores + i + lanes);
          });
    }
    for (int64_t column = 0; column < padded_width; column += plan.value_panel) {
      const float* panel = values + column * plan.keys + first * plan.value_panel;
      if (plan.value_panel == plan.key_panel) {
        multiply_rows<2>(scores, kStride, rows, panel, count, result + column, padded_width, true);
      } else {
        multiply_rows<1>(scores, kStride, rows, panel, count, result + column, padded_width, true);
      }
    }
  }
  for (int64_t row = 0; row < rows; ++row) {
    const auto factor =
        hn::Set(d, 1.0f / hn::GetLane(hn::SumOfLanes(d, hn::Load(d, sums + row * lanes))));
    map_vectors(d, result + row * padded_width, y + row * plan.y.step, width,
                [factor](auto v) HWY_ATTR { return hn::Mul(v, factor); });
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace tendon::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tendon::cpu {
HWY_EXPORT(plan_attention);
HWY_EXPORT(pack_head);
HWY_EXPORT(attend_tile);

Offer make_attention(const Attention& op, const KernelRequest& request) {
  if (auto declined = unless_float32(request)) return *declined;
  const AttentionPlan plan =
      HWY_DYNAMIC_DISPATCH(plan_attention)(attention_plan<AttentionPlan>(op, request));
  return std::make_unique<AttentionKernel<AttentionPlan, float, float>>(
      plan, &HWY_DYNAMIC_DISPATCH(pack_head), &HWY_DYNAMIC_DISPATCH(attend_tile));
}

}  // namespace tendon::cpu
#endif
