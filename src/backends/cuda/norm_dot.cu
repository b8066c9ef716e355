// Products with few columns of rows that are normalised once or twice before. A warp makes a few
// columns of a row, which it has in registers as a whole: it waits for nobody. What is constant is
// read before the row is there.
#include "device_math.cuh"
#include "norm_dot_parameters.h"

namespace tendon::cuda {
namespace {

__device__ __forceinline__ void load_four(float (&values)[4], const float* source) {
  const float4 four = *reinterpret_cast<const float4*>(source);
  values[0] = four.x;
  values[1] = four.y;
  values[2] = four.z;
  values[3] = four.w;
}
__device__ __forceinline__ void load_four(float (&values)[4], const Half* source) {
  const uint2 four = *reinterpret_cast<const uint2*>(source);
  const float2 low = unpack_halves(four.x);
  const float2 high = unpack_halves(four.y);
  values[0] = low.x;
  values[1] = low.y;
  values[2] = high.x;
  values[3] = high.y;
}

/// A lane's share of a row of at most 128 * kPacks elements: four of each 128.
template <int kPacks>
struct Share {
  float values[kPacks][4];

  __device__ __forceinline__ void fill(float value) {
#pragma unroll
    for (int i = 0; i < kPacks; ++i) {
#pragma unroll
      for (int e = 0; e < 4; ++e) values[i][e] = value;
    }
  }
  /// What lies beyond the row, and all of it where `source` is null, becomes `other`.
  template <class T>
  __device__ __forceinline__ void load(const T* source, int width, int lane, float other = 0.0f) {
    fill(other);
#pragma unroll
    for (int i = 0; i < kPacks; ++i) {
      const int at = (i * 32 + lane) * 4;
      if (source != nullptr && at < width) load_four(values[i], source + at);
    }
  }
};

/// The sum of term(i, e) over a row. Four at once, so that few wait for the one before.
template <int kPacks, class Term>
__device__ __forceinline__ float sum_of_row(const Term& term) {
  float sums[4] = {};
#pragma unroll
  for (int i = 0; i < kPacks; ++i) {
#pragma unroll
    for (int e = 0; e < 4; ++e) sums[e] += term(i, e);
  }
  return sum_of_warp((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

template <class T, int kPacks>
__device__ __forceinline__ void multiply_normalized(const NormDotParameters& p) {
  const int lane = static_cast<int>(threadIdx.x & 31);
  const int warp = static_cast<int>(blockIdx.x * (kNormDotThreads / 32) + threadIdx.x / 32);
  const int row = warp / p.row_warps;
  const int first = warp % p.row_warps * kNormDotColumns;
  Share<kPacks> weights[kNormDotColumns], scale, shift;
#pragma unroll
  for (int c = 0; c < kNormDotColumns; ++c) {
    const float* const column = p.weights + static_cast<long long>(first + c) * p.width;
    weights[c].load(first + c < p.columns ? column : nullptr, p.width, lane);
  }
  scale.load(p.scale, p.width, lane, 1.0f);
  shift.load(p.shift, p.width, lane);
  const bool writes = lane < kNormDotColumns && first + lane < p.columns;
  const float bias = writes && p.bias != nullptr ? p.bias[first + lane] : 0.0f;

  wait_for_previous_kernel();
  if (row >= p.rows) return;
  Share<kPacks> x;
  x.load(static_cast<const T*>(p.x) + static_cast<long long>(row) * p.width, p.width, lane);
  // Not unrolled, and with nothing behind the last turn alone: the second turn finds the code that
  // the first had to wait for.
  int left = p.norms;
#pragma unroll 1
  do {
    --left;
    const float mean = sum_of_row<kPacks>([&](int i, int e) { return x.values[i][e]; }) * p.share;
    const float squares = sum_of_row<kPacks>([&](int i, int e) {
      float& value = x.values[i][e];
      value = (i * 32 + lane) * 4 < p.width ? value - mean : 0.0f;
      return value * value;
    });
    const float factor = rsqrtf(squares * p.share + p.epsilon[left]);
#pragma unroll
    for (int i = 0; i < kPacks; ++i) {
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        x.values[i][e] = x.values[i][e] * factor * scale.values[i][e] + shift.values[i][e];
      }
    }
    scale.fill(1.0f);
    shift.fill(0.0f);
  } while (left > 0);
  float result = 0.0f;
#pragma unroll
  for (int c = 0; c < kNormDotColumns; ++c) {
    const float sum =
        sum_of_row<kPacks>([&](int i, int e) { return x.values[i][e] * weights[c].values[i][e]; });
    if (lane == c) result = sum;
  }
  if (writes) p.y[static_cast<long long>(row) * p.columns + first + lane] = result + bias;
}

}  // namespace

#define TENDON_NORM_DOT(KERNEL, TYPE, PACKS)                    \
  extern "C" __global__ void __launch_bounds__(kNormDotThreads) \
      KERNEL(const __grid_constant__ NormDotParameters p) {     \
    multiply_normalized<TYPE, PACKS>(p);                        \
  }
#define TENDON_NORM_DOTS(NAME, TYPE)        \
  TENDON_NORM_DOT(norm_dot_##NAME, TYPE, 4) \
  TENDON_NORM_DOT(norm_dot_long_##NAME, TYPE, 8)
TENDON_WITH(TENDON_NORM_DOTS, TENDON_HALF, Half)
#ifndef TENDON_BFLOAT16
TENDON_NORM_DOTS(f32, float)
#endif

}  // namespace tendon::cuda
