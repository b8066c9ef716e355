// The end of a product whose rows are normalised: the blocks of a cluster make neighbouring columns
// of the same rows, keep them in registers, and tell each other their columns' mean and variance.
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
  const int column = first_column + column_of_sums(thread);
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
      sizeof(Element) == 2 ? ElementType::kHalf : ElementType::kFloat32;
  using Row = RowPack<kType>;
  static constexpr int kPacks = kTilesN / kPackTiles;
  static constexpr int kColumns = kTilesN * 8;
  typename Row::Raw residuals[2][kPacks];

  /// `row` is the thread's first in y, `first_column` the group's.
  __device__ __forceinline__ void load(const GemmParameters& p, int row, int first_column,
                                       int lane) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const bool is_there = p.residual != nullptr && row + half * 8 < p.m;
      const auto* const from = reinterpret_cast<const typename Row::Raw*>(
          static_cast<const Element*>(p.residual) +
          static_cast<long long>(row + half * 8) * p.residual_row_step + first_column +
          own_column_of_pack(lane));
#pragma unroll
      for (int pack = 0; pack < kPacks; ++pack) {
        residuals[half][pack] = {};
        if (is_there) residuals[half][pack] = from[pack * kPackTiles];
      }
    }
  }

  /// From sums to values before they are normalised; all `blocks` along the row get their mean and
  /// squared differences as number `part`, counted by their `barrier`, unless this block is
  /// `alone`, which means no block of a cluster. block_at(i) is a block's rank.
  template <class Norm, class BlockAt>
  __device__ __forceinline__ void share(float (&sums)[kTilesN][4], const Term* terms, Norm& memory,
                                        uint32_t barrier, bool alone, int row, int part, int blocks,
                                        int lane, BlockAt block_at) const {
    float totals[2] = {};
#pragma unroll
    for (int pack = 0; pack < kPacks; ++pack) {
      float others[2][8];
#pragma unroll
      for (int half = 0; half < 2; ++half) Row::unpack(others[half], residuals[half][pack], false);
#pragma unroll
      for (int tile = 0; tile < kPackTiles; ++tile) {
        const int j = pack * kPackTiles + tile;
        const float4 term = *reinterpret_cast<const float4*>(terms + j * 8 + (lane & 3) * 2);
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          float& first = sums[j][half * 2];
          float& second = sums[j][half * 2 + 1];
          first = fmaf(first, term.x, term.y) + others[half][tile * 2];
          second = fmaf(second, term.z, term.w) + others[half][tile * 2 + 1];
          totals[half] += first + second;
        }
      }
    }
    float means[2], squares[2];
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      means[half] = sum_of_quad(totals[half]) * (1.0f / kColumns);
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
    if (alone) {
      if ((lane & 3) == 0) {
        memory.parts[part][row] = make_float2(means[0], squares[0]);
        memory.parts[part][row + 8] = make_float2(means[1], squares[1]);
      }
      return;
    }
    const uint32_t place = shared_address(&memory.parts[part][row]);
#pragma unroll 1
    for (int to = lane & 3; to < blocks; to += 4) {
      const int block = block_at(to);
      const uint32_t there = address_in_block(place, block);
      const uint32_t counter = address_in_block(barrier, block);
      send_to_block(there, make_float2(means[0], squares[0]), counter);
      send_to_block(there + 8 * sizeof(float2), make_float2(means[1], squares[1]), counter);
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
#pragma unroll 1
    for (int part = lane & 3; part < parts; part += 4) {
#pragma unroll
      for (int half = 0; half < 2; ++half) means[half] += memory.parts[part][row + half * 8].x;
    }
#pragma unroll
    for (int half = 0; half < 2; ++half) means[half] = sum_of_quad(means[half]) * q.per_part;
#pragma unroll 1
    for (int part = lane & 3; part < parts; part += 4) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const float2 found = memory.parts[part][row + half * 8];
        const float difference = found.x - means[half];
        squares[half] += fmaf(difference * difference, kColumns, found.y);
      }
    }
    float factors[2];
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      factors[half] = rsqrtf(fmaf(sum_of_quad(squares[half]), q.per_column, q.epsilon));
    }
    const CodeFractions codes(q.codes_signed, false);
    const float fraction = q.codes_per_unit * codes.per_range;
    const float bottom = -codes.least * codes.per_range;
    const long long first =
        static_cast<long long>(first_row + row) * p.n + first_column + own_column_of_pack(lane);
#pragma unroll
    for (int pack = 0; pack < kPacks; ++pack) {
      float values[2][8];
#pragma unroll
      for (int tile = 0; tile < kPackTiles; ++tile) {
        const int j = pack * kPackTiles + tile;
        const float4 term = *reinterpret_cast<const float4*>(norm_terms + j * 8 + (lane & 3) * 2);
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          values[half][tile * 2] =
              fmaf((sums[j][half * 2] - means[half]) * factors[half], term.x, term.y);
          values[half][tile * 2 + 1] =
              fmaf((sums[j][half * 2 + 1] - means[half]) * factors[half], term.z, term.w);
        }
      }
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        if (first_row + row + half * 8 >= p.m) continue;
        const long long at = first + static_cast<long long>(half * 8) * p.n + pack * kPackColumns;
        const typename Row::Raw raw = Row::pack(values[half], false, codes);
        *reinterpret_cast<typename Row::Raw*>(static_cast<Element*>(p.y) + at) = raw;
        if (q.codes == nullptr) continue;
        // Codes of y as it is written.
        float written[8];
        Row::unpack(written, raw, false);
#pragma unroll
        for (int i = 0; i < 8; ++i) {
          const float unit = written[i] == written[i] ? written[i] : 0.0f;
          written[i] = __saturatef(fmaf(unit, fraction, bottom));
        }
        *reinterpret_cast<uint2*>(static_cast<unsigned char*>(q.codes) + at) =
            RowPack<ElementType::kUInt8>::pack(written, false, codes);
      }
    }
  }
};

}  // namespace tendon::cuda
