// What the product kernels share: the parts of a sum over k that several blocks made, and the way
// from sums in registers to the result.
#pragma once

#include "codes.cuh"
#include "device_math.cuh"
#include "gemm_parameters.h"

namespace tendon::cuda {

constexpr int kTileBytes = 128;
constexpr int kTileChunks = 8;

/// Byte offset of a chunk in a tile of rows of 128 bytes; ldmatrix then meets no bank twice.
__device__ __forceinline__ int swizzled(int row, int chunk) {
  return row * kTileBytes + ((chunk ^ (row & 7)) << 4);
}

/// Adds up the sums of all parts of k. False for all blocks of a tile but the last one, which has
/// the whole. Only threads with `has_sums` have any.
template <int kTilesM, int kTilesN, int kSumThreads>
__device__ __forceinline__ bool join_splits(const GemmParameters& p,
                                            float (&sums)[kTilesM][kTilesN][4], int sum_thread,
                                            bool has_sums) {
  constexpr int kPacks = kTilesM * kTilesN;
  const int tile = static_cast<int>(blockIdx.y * gridDim.x + blockIdx.x);
  const int split = static_cast<int>(blockIdx.z);
  float4* const all = reinterpret_cast<float4*>(p.partial) +
                      static_cast<long long>(tile) * p.splits * kPacks * kSumThreads + sum_thread;
  float4* const own = all + split * kPacks * kSumThreads;
#pragma unroll
  for (int i = 0; i < kPacks; ++i) {
    const float(&sum)[4] = sums[i / kTilesN][i % kTilesN];
    if (has_sums) __stcg(own + i * kSumThreads, make_float4(sum[0], sum[1], sum[2], sum[3]));
  }
  __threadfence();
  __syncthreads();
  __shared__ int arrived;
  if (threadIdx.x == 0) arrived = atomicAdd(p.counters + tile, 1);
  __syncthreads();
  if (arrived != p.splits - 1) return false;
  if (threadIdx.x == 0) p.counters[tile] = 0;
  __threadfence();
#pragma unroll
  for (int i = 0; i < kPacks; ++i) {
#pragma unroll
    for (int e = 0; e < 4; ++e) sums[i / kTilesN][i % kTilesN][e] = 0.0f;
  }
  if (!has_sums) return true;
  // In the order of the parts, whichever block comes last.
  for (int s = 0; s < p.splits; ++s) {
#pragma unroll
    for (int i = 0; i < kPacks; ++i) {
      const float4 part = __ldcg(all + (s * kPacks + i) * kSumThreads);
      float(&sum)[4] = sums[i / kTilesN][i % kTilesN];
      sum[0] += part.x;
      sum[1] += part.y;
      sum[2] += part.z;
      sum[3] += part.w;
    }
  }
  return true;
}

/// Elements between rows of a tile of sums in shared memory.
template <int kColumns>
constexpr int kSumPitch = kColumns + 8;

/// A warp's sums to (or onto) the tile in shared memory, whose row and column are the warp's first.
template <bool kAdd, int kTilesM, int kTilesN, int kColumns>
__device__ __forceinline__ void stage_sums(float* staged, const float (&sums)[kTilesM][kTilesN][4],
                                           int row, int column, int lane) {
#pragma unroll
  for (int i = 0; i < kTilesM; ++i) {
#pragma unroll
    for (int j = 0; j < kTilesN; ++j) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        auto* const to = reinterpret_cast<float2*>(
            staged + (row + i * 16 + half * 8 + (lane >> 2)) * kSumPitch<kColumns> + column +
            j * 8 + (lane & 3) * 2);
        float2 pair = make_float2(sums[i][j][half * 2], sums[i][j][half * 2 + 1]);
        if constexpr (kAdd) {
          const float2 before = *to;
          pair.x += before.x;
          pair.y += before.y;
        }
        *to = pair;
      }
    }
  }
}

/// Packs that a thread has under way at once.
constexpr int kPacksAtOnce = 2;

/// Sums in the block's own shared memory: those of kAtOnce packs that are `step` apart.
template <int kColumns>
struct SumsOfBlock {
  const float* staged;
  template <int kAtOnce, int kChunk>
  __device__ __forceinline__ void operator()(float (&values)[kAtOnce][kChunk], int first, int step,
                                             int last) const {
#pragma unroll
    for (int u = 0; u < kAtOnce; ++u) {
      const int i = first + u * step < last ? first + u * step : first;
      const float* const from =
          staged + i / (kColumns / kChunk) * kSumPitch<kColumns> + i % (kColumns / kChunk) * kChunk;
#pragma unroll
      for (int e = 0; e < kChunk; ++e) values[u][e] = from[e];
    }
  }
};

template <class Element, int kChunk>
__device__ __forceinline__ void add_elements(float (&values)[kChunk], const Pack<Element>& pack) {
#pragma unroll
  for (int e = 0; e < kChunk; ++e) values[e] += to_float(pack.values[e]);
}

/// From sums to y, 16 bytes a thread at once: packs [first, last) of a tile that is kColumns wide.
/// sums_of(values, first, step, last) gives their sums, row_of(row) the row of y, or -1 for none.
template <class Element, int kColumns, class RowOf, class SumsOf>
__device__ __forceinline__ void write_packs(const GemmParameters& p, int first, int last,
                                            int threads, int first_column, RowOf row_of,
                                            SumsOf sums_of) {
  constexpr int kChunk = 16 / static_cast<int>(sizeof(Element));
  constexpr int kPacks = kColumns / kChunk;
  auto* const y = static_cast<Element*>(p.y);
  const auto* const bias = static_cast<const Element*>(p.bias);
  const auto* const residual = static_cast<const Element*>(p.residual);
  const bool whole_packs = p.n % kChunk == 0;
  const bool whole_bias = bias != nullptr && p.bias_column_step == 1;
  for (int i = first + static_cast<int>(threadIdx.x); i < last; i += threads * kPacksAtOnce) {
    int rows[kPacksAtOnce];
    Pack<Element> added[kPacksAtOnce], biases[kPacksAtOnce];
#pragma unroll
    for (int u = 0; u < kPacksAtOnce; ++u) {
      const int pack = i + u * threads;
      const int column = first_column + pack % kPacks * kChunk;
      rows[u] = pack < last && column < p.n ? row_of(pack / kPacks) : -1;
      if (rows[u] < 0 || !whole_packs) continue;
      const long long row = rows[u];
      if (residual != nullptr) added[u] = load_pack(residual + row * p.residual_row_step + column);
      if (whole_bias) biases[u] = load_pack(bias + row * p.bias_row_step + column);
    }
    float values[kPacksAtOnce][kChunk];
    sums_of(values, i, threads, last);
#pragma unroll
    for (int u = 0; u < kPacksAtOnce; ++u) {
      if (rows[u] < 0) continue;
      const int column = first_column + (i + u * threads) % kPacks * kChunk;
      const long long row = rows[u];
      const Element* const own_bias = bias + row * p.bias_row_step + column * p.bias_column_step;
      Element* const to = y + row * p.n + column;
#pragma unroll
      for (int e = 0; e < kChunk; ++e) values[u][e] *= p.alpha;
      if (whole_packs) {
        if (whole_bias) add_elements(values[u], biases[u]);
        if (bias != nullptr && !whole_bias) {
#pragma unroll
          for (int e = 0; e < kChunk; ++e) values[u][e] += to_float(*own_bias);
        }
        if (residual != nullptr) add_elements(values[u], added[u]);
        activate_all(values[u], p.activation);
        Pack<Element> result;
#pragma unroll
        for (int e = 0; e < kChunk; ++e) result.values[e] = from_float<Element>(values[u][e]);
        store_pack(to, result);
        continue;
      }
#pragma unroll
      for (int e = 0; e < kChunk; ++e) {
        if (column + e >= p.n) break;
        float value = values[u][e];
        if (bias != nullptr) value += to_float(own_bias[e * p.bias_column_step]);
        if (residual != nullptr)
          value += to_float(residual[row * p.residual_row_step + column + e]);
        to[e] = from_float<Element>(activate(value, p.activation));
      }
    }
  }
}

/// Of eight columns of sums of 8-bit factors; a thread keeps its columns.
struct ColumnFactors {
  float scale[8], bias[8];

  __device__ __forceinline__ void load(const GemmParameters& p, int column) {
#pragma unroll
    for (int e = 0; e < 8; ++e) scale[e] = bias[e] = 0.0f;
    if (column >= p.n) return;
    add_eight(scale, load_eight(p.scale, ElementType::kFloat32, column), ElementType::kFloat32,
              1.0f);
    if (p.bias == nullptr || p.bias_row_step != 0) return;
    add_eight(bias, load_eight(p.bias, p.bias_type, column), p.bias_type, 1.0f);
  }
};

/// A matrix that is added to scaled sums.
struct Addend {
  const void* from;
  ElementType type;
  float factor;
  int row_step;
};

/// What write_scaled knows of types when it is compiled.
enum class Known { kNothing, kCodes, kHalf, kAny };

template <Known kKnown>
__device__ __forceinline__ ElementType known_type(ElementType type) {
  return kKnown == Known::kHalf ? ElementType::kHalf
         : kKnown == Known::kCodes
             ? (type == ElementType::kInt8 ? ElementType::kInt8 : ElementType::kUInt8)
             : type;
}

/// As write_packs from sums of 8-bit factors: eight elements a pack, of which rows are whole.
/// `threads` are a multiple of a row's packs.
template <int kColumns, int kAtOnce, Known kAdded, Known kResult, class RowOf, class SumsOf>
__device__ __forceinline__ void write_known(const GemmParameters& p, const ColumnFactors& factors,
                                            const Addend& addend, int first, int last, int threads,
                                            int first_column, RowOf row_of, SumsOf sums_of) {
  constexpr int kPacks = kColumns / 8;
  const int begin = first + static_cast<int>(threadIdx.x);
  const int column = first_column + begin % kPacks * 8;
  if (column >= p.n) return;
  const ElementType added_type = known_type<kAdded>(addend.type);
  const ElementType result_type = known_type<kResult>(p.y_type);
  const float least = p.activation == 1 ? 0.0f : -INFINITY;
#pragma unroll 1
  for (int i = begin; i < last; i += threads * kAtOnce) {
    int rows[kAtOnce];
    Eight added[kAtOnce];
#pragma unroll
    for (int u = 0; u < kAtOnce; ++u) {
      const int pack = i + u * threads;
      rows[u] = pack < last ? row_of(pack / kPacks) : -1;
      if (kAdded == Known::kNothing || rows[u] < 0) continue;
      if (kAdded == Known::kAny && addend.from == nullptr) continue;
      added[u] = load_eight(addend.from, added_type,
                            static_cast<long long>(rows[u]) * addend.row_step + column);
    }
    float values[kAtOnce][8];
    sums_of(values, i, threads, last);
#pragma unroll
    for (int u = 0; u < kAtOnce; ++u) {
      if (rows[u] < 0) continue;
      float(&value)[8] = values[u];
#pragma unroll
      for (int e = 0; e < 8; ++e) value[e] = fmaf(value[e], factors.scale[e], factors.bias[e]);
      if (kAdded == Known::kCodes || kAdded == Known::kHalf ||
          (kAdded == Known::kAny && addend.from != nullptr)) {
        add_eight(value, added[u], added_type, addend.factor);
      }
      if (kAdded == Known::kAny && p.bias != nullptr && p.bias_row_step != 0) {
        add_eight(value,
                  load_eight(p.bias, p.bias_type,
                             static_cast<long long>(rows[u]) * p.bias_row_step + column),
                  p.bias_type, 1.0f);
      }
      if constexpr (kAdded == Known::kAny) {
        activate_all(value, p.activation);
      } else {
#pragma unroll
        for (int e = 0; e < 8; ++e) value[e] = value[e] <= least ? least : value[e];
      }
      store_eight(p.y, result_type, static_cast<long long>(rows[u]) * p.n + column, value,
                  p.codes_per_unit);
    }
  }
}

template <int kColumns, int kAtOnce, class RowOf, class SumsOf>
__device__ __forceinline__ void write_scaled(const GemmParameters& p, const ColumnFactors& factors,
                                             int first, int last, int threads, int first_column,
                                             RowOf row_of, SumsOf sums_of) {
  const auto is_codes = [](ElementType type) {
    return type == ElementType::kInt8 || type == ElementType::kUInt8;
  };
  const Addend residual{p.residual, p.residual_type, p.residual_scale, p.residual_row_step};
  const bool bias_matrix = p.bias != nullptr && p.bias_row_step != 0;
  // A matrix of biases is added as a residual would be.
  const Addend bias{p.bias, p.bias_type, 1.0f, p.bias_row_step};
  const Addend& only = bias_matrix ? bias : residual;
  const bool plain = !(bias_matrix && p.residual != nullptr) && p.activation <= 1;
#define TENDON_WRITE(AT_ONCE, ADDED, RESULT, ADDEND)           \
  write_known<kColumns, AT_ONCE, Known::ADDED, Known::RESULT>( \
      p, factors, ADDEND, first, last, threads, first_column, row_of, sums_of)
  if (plain && is_codes(p.y_type) && only.from == nullptr) {
    TENDON_WRITE(kAtOnce, kNothing, kCodes, only);
  } else if (plain && is_codes(p.y_type) && is_codes(only.type)) {
    TENDON_WRITE(kAtOnce, kCodes, kCodes, only);
  } else if (plain && p.y_type == ElementType::kHalf && only.from == nullptr) {
    TENDON_WRITE(kAtOnce, kNothing, kHalf, only);
  } else if (plain && p.y_type == ElementType::kHalf && only.type == ElementType::kHalf) {
    TENDON_WRITE(kAtOnce, kHalf, kHalf, only);
  } else {
    TENDON_WRITE(1, kAny, kAny, residual);
  }
#undef TENDON_WRITE
}

/// Sums as floats, which hold a block's share of them well enough.
template <class Sum, int kTilesM, int kTilesN>
__device__ __forceinline__ void floats_from_sums(float (&floats)[kTilesM][kTilesN][4],
                                                 const Sum (&sums)[kTilesM][kTilesN][4]) {
#pragma unroll
  for (int i = 0; i < kTilesM; ++i) {
#pragma unroll
    for (int j = 0; j < kTilesN; ++j) {
#pragma unroll
      for (int e = 0; e < 4; ++e) floats[i][j][e] = static_cast<float>(sums[i][j][e]);
    }
  }
}

/// From the whole tile of sums in shared memory to y.
template <class Element, int kRows, int kColumns, int kThreads>
__device__ __forceinline__ void write_result(const GemmParameters& p, const float* staged,
                                             int first_row, int first_column) {
  const auto row_of = [&](int row) { return first_row + row < p.m ? first_row + row : -1; };
  if constexpr (sizeof(Element) == 1) {
    static_assert(kThreads % (kColumns / 8) == 0);
    ColumnFactors factors;
    factors.load(p, first_column + static_cast<int>(threadIdx.x) % (kColumns / 8) * 8);
    write_scaled<kColumns, 4>(p, factors, 0, kRows * kColumns / 8, kThreads, first_column, row_of,
                              SumsOfBlock<kColumns>{staged});
  } else {
    constexpr int kPacks = kRows * kColumns * static_cast<int>(sizeof(Element)) / 16;
    write_packs<Element, kColumns>(p, 0, kPacks, kThreads, first_column, row_of,
                                   SumsOfBlock<kColumns>{staged});
  }
}

}  // namespace tendon::cuda
