// The end of a product whose rows are normalised: the blocks of a cluster make neighbouring columns of the same
// rows, keep them in registers, and tell each other their columns' mean and variance.
#pragma once

#include "wgmma_parameters.h"
#include "wgmma_results.cuh"

namespace tendon::cuda {

/// Of shared memory: what each group of warps along a row says of its columns in each row, and the
/// factors and terms of this block's columns.
template <int kRows, int kParts>
struct NormMemory {
  float2 parts[kParts][kRows];  ///< mean, and sum of squared differences from it
  alignas(16) Term terms[kNormColumns];
};

template <class Element, class Norm>
__device__ __forceinline__ void load_norm_terms(const WgmmaParameters& q, Norm& memory,
                                                int first_column, int thread) {
  if (thread >= kNormColumns) return;
  const int column = first_column + thread;
  memory.terms[thread] = make_float2(
      to_float(static_cast<const Element*>(q.norm_scale)[column]),
      q.norm_shift == nullptr ? 0.0f : to_float(static_cast<const Element*>(q.norm_shift)[column]));
}

__device__ __forceinline__ float sum_of_quad(float x) {
  x += __shfl_xor_sync(0xffffffffu, x, 1);
  return x + __shfl_xor_sync(0xffffffffu, x, 2);
}

/// What is added to the two rows that a thread has of kTilesN tiles, and the way of the sums to y.
template <class Element, int kTilesN>
struct NormRows {
  static constexpr ElementType kType =
      sizeof(Element) == 2 ? ElementType::kFloat16 : ElementType::kFloat32;
  using Row = RowPack<kType>;
  static constexpr int kTiles = Row::kTiles;
  static constexpr int kPacks = kTilesN / kTiles;
  static constexpr int kColumns = kTilesN * 8;
  typename Row::Raw residuals[2][kPacks];

  /// `row` is the thread's first in y, `first_column` the group's.
  __device__ __forceinline__ void load(const GemmParameters& p, int row, int first_column,
                                       int lane) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const bool is_there = p.residual != nullptr && row + half * 8 < p.m;
      const auto* const from =
          is_there ? static_cast<const unsigned char*>(p.residual) +
                         static_cast<long long>(row + half * 8) * p.n * Row::kBytes
                   : nullptr;
#pragma unroll
      for (int pack = 0; pack < kPacks; ++pack) {
        residuals[half][pack] =
            load_row<Row>(from, first_column + pack * kTiles * 8 + (lane & 3) * Row::kElements);
      }
    }
  }

  /// From sums to values before they are normalised; all `blocks` along the row get their mean and
  /// squared differences as number `part`. block_at(i) is a block's rank.
  template <class Norm, class BlockAt>
  __device__ __forceinline__ void share(float (&sums)[kTilesN][4], const Term* terms, Norm& memory,
                                        int row, int part, int blocks, int lane,
                                        BlockAt block_at) const {
    float totals[2] = {};
#pragma unroll
    for (int half = 0; half < 2; ++half) {
#pragma unroll
      for (int pack = 0; pack < kPacks; ++pack) {
        float others[kTiles][2];
        Row::unpack(others, residuals[half][pack], false, lane);
#pragma unroll
        for (int tile = 0; tile < kTiles; ++tile) {
          const int j = pack * kTiles + tile;
          const float4 term = *reinterpret_cast<const float4*>(terms + j * 8 + (lane & 3) * 2);
          float& first = sums[j][half * 2];
          float& second = sums[j][half * 2 + 1];
          first = fmaf(first, term.x, term.y) + others[tile][0];
          second = fmaf(second, term.z, term.w) + others[tile][1];
          totals[half] += first + second;
        }
      }
    }
    float means[2], squares[2];
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      means[half] = sum_of_quad(totals[half]) / kColumns;
      squares[half] = 0.0f;
#pragma unroll
      for (int j = 0; j < kTilesN; ++j) {
#pragma unroll
        for (int e = 0; e < 2; ++e) {
          const float difference = sums[j][half * 2 + e] - means[half];
          squares[half] = fmaf(difference, difference, squares[half]);
        }
      }
    }
#pragma unroll
    for (int half = 0; half < 2; ++half) squares[half] = sum_of_quad(squares[half]);
    const uint32_t place = shared_address(&memory.parts[part][row]);
#pragma unroll 1
    for (int to = lane & 3; to < blocks; to += 4) {
      const uint32_t there = address_in_block(place, block_at(to));
      store_to_block(there, make_float2(means[0], squares[0]));
      store_to_block(there + 8 * sizeof(float2), make_float2(means[1], squares[1]));
    }
  }

  /// Once all have shared: to y and, where there are such, codes of y.
  template <class Norm>
  static __device__ __forceinline__ void write(const WgmmaParameters& q,
                                               const float (&sums)[kTilesN][4],
                                               const Term* norm_terms, const Norm& memory,
                                               int first_row, int row, int first_column, int parts,
                                               int lane) {
    const GemmParameters& p = q.gemm;
    // The lanes of a quad, which have the same rows, take turns with the parts.
    float means[2] = {};
    float squares[2] = {};
#pragma unroll 2
    for (int part = lane & 3; part < parts; part += 4) {
#pragma unroll
      for (int half = 0; half < 2; ++half) means[half] += memory.parts[part][row + half * 8].x;
    }
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      means[half] = sum_of_quad(means[half]) / static_cast<float>(parts);
    }
#pragma unroll 2
    for (int part = lane & 3; part < parts; part += 4) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const float2 found = memory.parts[part][row + half * 8];
        const float difference = found.x - means[half];
        squares[half] += fmaf(difference * difference, kColumns, found.y);
      }
    }
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const float factor = rsqrtf(sum_of_quad(squares[half]) / static_cast<float>(p.n) + q.epsilon);
      const bool is_there = first_row + row + half * 8 < p.m;
      const long long first =
          static_cast<long long>(first_row + row + half * 8) * p.n + first_column;
#pragma unroll
      for (int pack = 0; pack < kPacks; ++pack) {
        float values[kTiles][2];
#pragma unroll
        for (int tile = 0; tile < kTiles; ++tile) {
          const int j = pack * kTiles + tile;
          const float4 term = *reinterpret_cast<const float4*>(norm_terms + j * 8 + (lane & 3) * 2);
          values[tile][0] = fmaf((sums[j][half * 2] - means[half]) * factor, term.x, term.y);
          values[tile][1] = fmaf((sums[j][half * 2 + 1] - means[half]) * factor, term.z, term.w);
        }
        const typename Row::Raw raw = Row::pack(values, -INFINITY, 0.0f, lane);
        const long long at = first + pack * kTiles * 8 + (lane & 3) * Row::kElements;
        if (!is_there) continue;
        *reinterpret_cast<typename Row::Raw*>(static_cast<Element*>(p.y) + at) = raw;
        if (q.codes != nullptr) write_codes(q, at, raw);
      }
    }
  }

 private:
  static __device__ __forceinline__ void write_codes(const WgmmaParameters& q, long long at,
                                                     uint4 halves) {
    const uint32_t words[4] = {halves.x, halves.y, halves.z, halves.w};
    float units[8];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const float2 pair = __half22float2(*reinterpret_cast<const __half2*>(&words[i]));
      units[2 * i] = pair.x * q.codes_per_unit;
      units[2 * i + 1] = pair.y * q.codes_per_unit;
    }
    *reinterpret_cast<uint2*>(static_cast<unsigned char*>(q.codes) + at) =
        make_uint2(four_codes(units[0], units[1], units[2], units[3], q.codes_signed),
                   four_codes(units[4], units[5], units[6], units[7], q.codes_signed));
  }
  static __device__ __forceinline__ void write_codes(const WgmmaParameters& q, long long at,
                                                     float2 pair) {
    const uint32_t codes = four_codes(pair.x * q.codes_per_unit, pair.y * q.codes_per_unit, 0.0f,
                                      0.0f, q.codes_signed);
    *reinterpret_cast<unsigned short*>(static_cast<unsigned char*>(q.codes) + at) =
        static_cast<unsigned short>(codes);
  }
};

}  // namespace tendon::cuda
