// The end of a product whose rows are normalised: the blocks of a cluster hold the sums of whole rows
// between them, and each block normalises some of the rows.
#pragma once

#include "gemm_common.cuh"
#include "wgmma_math.cuh"
#include "wgmma_parameters.h"

#include <type_traits>

namespace tendon::cuda {

/// What a thread has of one block's row.
template <class Element>
struct alignas(4 * sizeof(Element)) Four {
  Element values[4];
};

__device__ __forceinline__ float sum_of_warp(float x) {
#pragma unroll
  for (int step = 16; step > 0; step /= 2) x += __shfl_xor_sync(0xffffffffu, x, step);
  return x;
}

/// One row's elements of a thread, from the columns of each block on.
template <class Element, int kParts>
struct RowParts {
  Four<Element> parts[kParts];

  /// Without branches, so that all loads are under way at once; zeros where `from` is null.
  __device__ __forceinline__ void load(const void* from, long long first, int count) {
#pragma unroll
    for (int part = 0; part < kParts; ++part) {
      const long long at = first + (part < count ? part : 0) * kNormColumns;
      parts[part] = from == nullptr ? Four<Element>{}
                                    : *reinterpret_cast<const Four<Element>*>(
                                          static_cast<const Element*>(from) + at);
    }
  }
  __device__ __forceinline__ float at(int part, int e) const {
    return to_float(parts[part].values[e]);
  }
};

/// Sums of kRows x kNormColumns lie at `staged` in every block of the cluster once it has met: its
/// blocks along y, at most kParts, make neighbouring columns, those along z parts of the same sums.
/// Sums of codes are counted by p.scale, and their bias is float32.
template <class Element, bool kCodes, int kRows, int kParts>
__device__ __forceinline__ void normalize_rows(const WgmmaParameters& q, uint32_t staged,
                                               int first_row) {
  static_assert(kNormColumns == 32 * 4);
  using Row = RowParts<Element, kParts>;
  const GemmParameters& p = q.gemm;
  const int lane = static_cast<int>(threadIdx.x) & 31;
  const int warp = static_cast<int>(threadIdx.x) >> 5;
  const int warps = static_cast<int>(blockDim.x) >> 5;
  const int count = static_cast<int>(gridDim.y);
  const int blocks = count * p.splits;
  const int rank = static_cast<int>(blockIdx.y) + count * static_cast<int>(blockIdx.z);
  const int end = kRows * (rank + 1) / blocks;
  const int last = end < p.m - first_row ? end : p.m - first_row;
  const float width = static_cast<float>(p.n);
  using Factors = RowParts<std::conditional_t<kCodes, float, Element>, kParts>;
  Row scale, shift;
  Factors bias, factors;
  bias.load(p.bias, lane * 4, count);
  if constexpr (kCodes) factors.load(p.scale, lane * 4, count);
  scale.load(q.norm_scale, lane * 4, count);
  shift.load(q.norm_shift, lane * 4, count);
  meet_cluster();
  for (int row = kRows * rank / blocks + warp; row < last; row += warps) {
    const long long first = static_cast<long long>(first_row + row) * p.n + lane * 4;
    Row residual;
    residual.load(p.residual, first, count);
    const uint32_t place =
        staged + static_cast<uint32_t>((row * kSumPitch<kNormColumns> + lane * 4) * 4);
    float values[kParts][4] = {};
    for (int split = 0; split < p.splits; ++split) {
      float4 loaded[kParts];
#pragma unroll
      for (int part = 0; part < kParts; ++part) {
        loaded[part] = load_from_block(
            place, static_cast<uint32_t>((part < count ? part : 0) + count * split));
      }
#pragma unroll
      for (int part = 0; part < kParts; ++part) {
        values[part][0] += loaded[part].x;
        values[part][1] += loaded[part].y;
        values[part][2] += loaded[part].z;
        values[part][3] += loaded[part].w;
      }
    }
    float sum = 0.0f;
#pragma unroll
    for (int part = 0; part < kParts; ++part) {
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        float& value = values[part][e];
        value = value * (kCodes ? factors.at(part, e) : p.alpha) + bias.at(part, e) +
                residual.at(part, e);
        sum += part < count ? value : 0.0f;
      }
    }
    const float mean = sum_of_warp(sum) / width;
    float squares = 0.0f;
#pragma unroll
    for (int part = 0; part < kParts; ++part) {
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        const float difference = values[part][e] - mean;
        squares += part < count ? difference * difference : 0.0f;
      }
    }
    const float factor = rsqrtf(sum_of_warp(squares) / width + q.epsilon);
#pragma unroll
    for (int part = 0; part < kParts; ++part) {
      if (part >= count) continue;
      Four<Element> result;
      float units[4];
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        const float value =
            (values[part][e] - mean) * factor * scale.at(part, e) + shift.at(part, e);
        result.values[e] = from_float<Element>(value);
        units[e] = value * q.codes_per_unit;
      }
      const long long at = first + part * kNormColumns;
      *reinterpret_cast<Four<Element>*>(static_cast<Element*>(p.y) + at) = result;
      if (q.codes != nullptr) {
        *reinterpret_cast<uint32_t*>(static_cast<unsigned char*>(q.codes) + at) =
            four_codes(units[0], units[1], units[2], units[3], q.codes_signed);
      }
    }
  }
}

}  // namespace tendon::cuda
