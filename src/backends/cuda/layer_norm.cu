// Layer normalisation, one warp a row; the row stays in registers where it is short enough.
#include "codes.cuh"
#include "device_math.cuh"
#include "layer_norm_parameters.h"

namespace tendon::cuda {
namespace {

/// Rows of whole packs, at most kPacks of them for each lane.
template <class T, int kPacks>
__device__ __forceinline__ void normalize_packed(const LayerNormParameters& p, int row, int lane) {
  constexpr int kCount = Pack<T>::kCount;
  const long long first = static_cast<long long>(row) * p.width;
  const auto* const x = static_cast<const T*>(p.x) + first;
  const auto* const residual = static_cast<const T*>(p.residual);
  float values[kPacks][kCount];
  float sum = 0.0f;
#pragma unroll
  for (int i = 0; i < kPacks; ++i) {
    const int column = (i * 32 + lane) * kCount;
    const bool inside = column < p.width;
    Pack<T> pack, added;
    if (inside) pack = load_pack(x + column);
    if (inside && residual != nullptr) added = load_pack(residual + first + column);
#pragma unroll
    for (int e = 0; e < kCount; ++e) {
      values[i][e] = inside ? to_float(pack.values[e]) : 0.0f;
      if (inside && residual != nullptr) values[i][e] += to_float(added.values[e]);
      sum += values[i][e];
    }
  }
  const float mean = sum_of_warp(sum) / static_cast<float>(p.width);
  float squares = 0.0f;
#pragma unroll
  for (int i = 0; i < kPacks; ++i) {
    if ((i * 32 + lane) * kCount >= p.width) continue;
#pragma unroll
    for (int e = 0; e < kCount; ++e) {
      const float difference = values[i][e] - mean;
      squares += difference * difference;
    }
  }
  const float factor = rsqrtf(sum_of_warp(squares) / static_cast<float>(p.width) + p.epsilon);
  auto* const y = static_cast<T*>(p.y) + first;
#pragma unroll
  for (int i = 0; i < kPacks; ++i) {
    const int column = (i * 32 + lane) * kCount;
    if (column >= p.width) continue;
    const Pack<T> scale = load_pack(static_cast<const T*>(p.scale) + column);
    Pack<T> bias;
    if (p.bias != nullptr) bias = load_pack(static_cast<const T*>(p.bias) + column);
    Pack<T> result;
    float units[kCount];
#pragma unroll
    for (int e = 0; e < kCount; ++e) {
      float value = (values[i][e] - mean) * factor * to_float(scale.values[e]);
      if (p.bias != nullptr) value += to_float(bias.values[e]);
      result.values[e] = from_float<T>(value);
      units[e] = value * p.codes_per_unit;
    }
    store_pack(y + column, result);
    if (p.codes == nullptr) continue;
    auto* const codes = static_cast<unsigned char*>(p.codes) + first + column;
#pragma unroll
    for (int e = 0; e < kCount; e += 4) {
      *reinterpret_cast<uint32_t*>(codes + e) =
          four_codes(units[e], units[e + 1], units[e + 2], units[e + 3], p.codes_signed);
    }
  }
}

template <class T>
__device__ __forceinline__ void normalize_any(const LayerNormParameters& p, int row, int lane) {
  const long long first = static_cast<long long>(row) * p.width;
  const auto* const x = static_cast<const T*>(p.x) + first;
  const auto* const residual = static_cast<const T*>(p.residual);
  const auto at = [&](int i) {
    const float value = to_float(x[i]);
    return residual == nullptr ? value : value + to_float(residual[first + i]);
  };
  float sum = 0.0f;
  for (int i = lane; i < p.width; i += 32) sum += at(i);
  const float mean = sum_of_warp(sum) / static_cast<float>(p.width);
  float squares = 0.0f;
  for (int i = lane; i < p.width; i += 32) squares += (at(i) - mean) * (at(i) - mean);
  const float factor = rsqrtf(sum_of_warp(squares) / static_cast<float>(p.width) + p.epsilon);
  auto* const y = static_cast<T*>(p.y) + first;
  for (int i = lane; i < p.width; i += 32) {
    float value = (at(i) - mean) * factor * to_float(static_cast<const T*>(p.scale)[i]);
    if (p.bias != nullptr) value += to_float(static_cast<const T*>(p.bias)[i]);
    y[i] = from_float<T>(value);
    if (p.codes != nullptr) {
      static_cast<unsigned char*>(p.codes)[first + i] =
          static_cast<unsigned char>(code_of(value * p.codes_per_unit, p.codes_signed));
    }
  }
}

template <class T>
__device__ __forceinline__ void normalize(const LayerNormParameters& p) {
  wait_for_previous_kernel();
  const int row = static_cast<int>(blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32);
  const int lane = static_cast<int>(threadIdx.x & 31);
  if (row >= p.rows) return;
  constexpr int kPackedWidth = 32 * Pack<T>::kCount;
  if (p.width % Pack<T>::kCount == 0 && p.width <= kPackedWidth) {
    normalize_packed<T, 1>(p, row, lane);
  } else if (p.width % Pack<T>::kCount == 0 && p.width <= 4 * kPackedWidth) {
    normalize_packed<T, 4>(p, row, lane);
  } else {
    normalize_any<T>(p, row, lane);
  }
}

}  // namespace

#define TENDON_LAYER_NORM(NAME, TYPE)                                                           \
  extern "C" __global__ void layer_norm_##NAME(const __grid_constant__ LayerNormParameters p) { \
    normalize<TYPE>(p);                                                                         \
  }
TENDON_WITH(TENDON_LAYER_NORM, TENDON_HALF, Half)
#ifndef TENDON_BFLOAT16
TENDON_LAYER_NORM(f32, float)
#endif

}  // namespace tendon::cuda
