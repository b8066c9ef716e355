// The end of a product whose rows are normalised: the blocks of a cluster make neighbouring columns of the same
// rows, keep them in registers, and tell each other their columns' mean and variance.
#pragma once

#include "wgmma_parameters.h"
#include "wgmma_results.cuh"

namespace tendon::cuda {

/// Of shared memory: what each block along a row says of its columns in each row, and the factors
/// and terms of this block's columns.
template <int kRows, int kParts>
struct NormMemory {
  float2 parts[kParts][kRows];  ///< mean, and sum of squared differences from it
  alignas(16) Term terms[kNormColumns];
};

template <class Element, int kRows, int kParts>
__device__ __forceinline__ void load_norm_terms(const WgmmaParameters& q,
                                                NormMemory<kRows, kParts>& memory, int first_column,
                                                int thread) {
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

/// Of the two rows that a thread has of a tile, what is added to them.
template <class Element>
struct Residuals {
  static constexpr ElementType kType =
      sizeof(Element) == 2 ? ElementType::kFloat16 : ElementType::kFloat32;
  using Row = RowPack<kType>;
  static constexpr int kPacks = kNormColumns / 8 / Row::kTiles;
  typename Row::Raw values[2][kPacks];

  /// `row` is the thread's first in y; there are p.m.
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
        values[half][pack] = load_row<Row>(
            from, first_column + pack * Row::kTiles * 8 + (lane & 3) * Row::kElements);
      }
    }
  }
};

/// From a warp's sums of 16 x kNormColumns to values before they are normalised, whose mean and
/// squared differences all blocks along the row get. block_at(part) is a block's rank.
template <class Element, int kRows, int kParts, class BlockAt>
__device__ __forceinline__ void share_statistics(const Term* terms,
                                                 const Residuals<Element>& residuals,
                                                 float (&sums)[kNormColumns / 8][4],
                                                 NormMemory<kRows, kParts>& memory, int row,
                                                 int part, int parts, int lane, BlockAt block_at) {
  using Row = typename Residuals<Element>::Row;
  constexpr int kTiles = Row::kTiles;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    float sum = 0.0f;
#pragma unroll
    for (int pack = 0; pack < Residuals<Element>::kPacks; ++pack) {
      float others[kTiles][2];
      Row::unpack(others, residuals.values[half][pack], false, lane);
#pragma unroll
      for (int tile = 0; tile < kTiles; ++tile) {
        const int j = pack * kTiles + tile;
        const float4 term = *reinterpret_cast<const float4*>(terms + j * 8 + (lane & 3) * 2);
        float& first = sums[j][half * 2];
        float& second = sums[j][half * 2 + 1];
        first = fmaf(first, term.x, term.y) + others[tile][0];
        second = fmaf(second, term.z, term.w) + others[tile][1];
        sum += first + second;
      }
    }
    const float mean = sum_of_quad(sum) / kNormColumns;
    float squares = 0.0f;
#pragma unroll
    for (int j = 0; j < kNormColumns / 8; ++j) {
#pragma unroll
      for (int e = 0; e < 2; ++e) {
        const float difference = sums[j][half * 2 + e] - mean;
        squares = fmaf(difference, difference, squares);
      }
    }
    squares = sum_of_quad(squares);
    const uint32_t place = shared_address(&memory.parts[part][row + half * 8]);
    for (int to = lane & 3; to < parts; to += 4) {
      store_to_block(address_in_block(place, block_at(to)), make_float2(mean, squares));
    }
  }
}

/// Once all blocks along the row have shared: to y and, where there are such, codes.
template <class Element, int kRows, int kParts>
__device__ __forceinline__ void write_normalized(const WgmmaParameters& q,
                                                 const float (&sums)[kNormColumns / 8][4],
                                                 const NormMemory<kRows, kParts>& memory,
                                                 int first_row, int row, int first_column,
                                                 int parts, int lane) {
  using Row = typename Residuals<Element>::Row;
  using Codes = RowPack<ElementType::kUInt8>;
  const GemmParameters& p = q.gemm;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int own = row + half * 8;
    float mean = 0.0f;
    for (int part = 0; part < parts; ++part) mean += memory.parts[part][own].x;
    mean /= static_cast<float>(parts);
    float squares = 0.0f;
    for (int part = 0; part < parts; ++part) {
      const float2 found = memory.parts[part][own];
      squares += found.y + kNormColumns * (found.x - mean) * (found.x - mean);
    }
    const float factor = rsqrtf(squares / static_cast<float>(p.n) + q.epsilon);
    const bool is_there = first_row + own < p.m;
    const long long first = static_cast<long long>(first_row + own) * p.n + first_column;
#pragma unroll
    for (int group = 0; group < kNormColumns / 64; ++group) {
      float values[8][2];
#pragma unroll
      for (int tile = 0; tile < 8; ++tile) {
        const int j = group * 8 + tile;
        const float4 term =
            *reinterpret_cast<const float4*>(memory.terms + j * 8 + (lane & 3) * 2);
        values[tile][0] = fmaf((sums[j][half * 2] - mean) * factor, term.x, term.y);
        values[tile][1] = fmaf((sums[j][half * 2 + 1] - mean) * factor, term.z, term.w);
      }
#pragma unroll
      for (int pack = 0; pack < 8 / Row::kTiles; ++pack) {
        float own_values[Row::kTiles][2];
#pragma unroll
        for (int tile = 0; tile < Row::kTiles; ++tile) {
          own_values[tile][0] = values[pack * Row::kTiles + tile][0];
          own_values[tile][1] = values[pack * Row::kTiles + tile][1];
        }
        const typename Row::Raw raw = Row::pack(own_values, 1.0f, false, lane);
        const long long at =
            first + group * 64 + pack * Row::kTiles * 8 + (lane & 3) * Row::kElements;
        if (is_there) {
          *reinterpret_cast<typename Row::Raw*>(static_cast<Element*>(p.y) + at) = raw;
        }
      }
      if (q.codes == nullptr) continue;
      const uint4 codes = Codes::pack(values, q.codes_per_unit, q.codes_signed, lane);
      if (is_there) {
        *reinterpret_cast<uint4*>(static_cast<unsigned char*>(q.codes) + first + group * 64 +
                                  (lane & 3) * Codes::kElements) = codes;
      }
    }
  }
}

}  // namespace tendon::cuda
