// From the sums that groups of four warps have in registers to the result: lanes trade what they have so that
// each writes 16 bytes, and blocks of a cluster send each other the parts of a sum.
#pragma once

#include "gemm_common.cuh"
#include "wgmma_math.cuh"

#include <type_traits>

namespace tendon::cuda {

/// What becomes of a column's sums: x * sum + y.
using Term = float2;

/// Of the block's columns, by its first kColumns threads; in_codes: counted in the scale of y's codes.
template <class Element, int kColumns>
__device__ __forceinline__ void load_terms(const GemmParameters& p, Term* terms, bool in_codes,
                                           int first_column, int thread) {
  if (thread >= kColumns) return;
  const int column = first_column + thread;
  Term term = make_float2(0.0f, 0.0f);
  if (column < p.n) {
    const bool biased = p.bias != nullptr && p.bias_row_step == 0;
    if constexpr (sizeof(Element) == 1) {
      term.x = p.scale[column];
      if (biased) term.y = load_one(p.bias, p.bias_type, column);
      if (in_codes) {
        term.x *= p.codes_per_unit;
        term.y *= p.codes_per_unit;
      }
    } else {
      term.x = p.alpha;
      if (biased) {
        term.y = to_float(static_cast<const Element*>(p.bias)[column * p.bias_column_step]);
      }
    }
  }
  terms[thread] = term;
}

/// Word i of lane l of four becomes word l of lane i.
__device__ __forceinline__ void transpose_quad(uint32_t (&words)[4], int lane) {
  const bool odd = (lane & 1) != 0;
  const uint32_t a = __shfl_xor_sync(0xffffffffu, odd ? words[0] : words[1], 1);
  const uint32_t b = __shfl_xor_sync(0xffffffffu, odd ? words[2] : words[3], 1);
  words[0] = odd ? a : words[0];
  words[1] = odd ? words[1] : a;
  words[2] = odd ? b : words[2];
  words[3] = odd ? words[3] : b;
  const bool upper = (lane & 2) != 0;
  const uint32_t c = __shfl_xor_sync(0xffffffffu, upper ? words[0] : words[2], 2);
  const uint32_t d = __shfl_xor_sync(0xffffffffu, upper ? words[1] : words[3], 2);
  words[0] = upper ? c : words[0];
  words[1] = upper ? d : words[1];
  words[2] = upper ? words[2] : c;
  words[3] = upper ? words[3] : d;
}

/// How a row's elements lie in memory and in the lanes of a quad. A tile is eight columns, of which a
/// lane has those from 2 * (lane & 3) on; a pack is what a lane reads or writes of kTiles tiles at
/// once, kElements of them side by side. Values are raised to `least` before they are written, and
/// codes kept below `most`.
template <ElementType kType>
struct RowPack;

template <>
struct RowPack<ElementType::kFloat32> {
  static constexpr int kTiles = 1, kElements = 2, kBytes = 4;
  using Raw = float2;
  static __device__ __forceinline__ void unpack(float (&values)[1][2], Raw raw, bool, int) {
    values[0][0] = raw.x;
    values[0][1] = raw.y;
  }
  static __device__ __forceinline__ Raw pack(const float (&values)[1][2], float least, float, int) {
    // NaN stays.
    return make_float2(values[0][0] <= least ? least : values[0][0],
                       values[0][1] <= least ? least : values[0][1]);
  }
};

template <>
struct RowPack<ElementType::kFloat16> {
  static constexpr int kTiles = 4, kElements = 8, kBytes = 2;
  using Raw = uint4;
  static __device__ __forceinline__ void unpack(float (&values)[4][2], Raw raw, bool, int lane) {
    uint32_t words[4] = {raw.x, raw.y, raw.z, raw.w};
    transpose_quad(words, lane);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const float2 pair = __half22float2(*reinterpret_cast<const __half2*>(&words[i]));
      values[i][0] = pair.x;
      values[i][1] = pair.y;
    }
  }
  static __device__ __forceinline__ Raw pack(const float (&values)[4][2], float least, float,
                                             int lane) {
    uint32_t words[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const __half2 pair = __hmax2_nan(__floats2half2_rn(values[i][0], values[i][1]),
                                       __float2half2_rn(least));
      words[i] = *reinterpret_cast<const uint32_t*>(&pair);
    }
    transpose_quad(words, lane);
    return make_uint4(words[0], words[1], words[2], words[3]);
  }
};

/// Codes, signed or not as is said at run time.
template <>
struct RowPack<ElementType::kUInt8> {
  static constexpr int kTiles = 4, kElements = 8, kBytes = 1;
  using Raw = uint2;
  static __device__ __forceinline__ void unpack(float (&values)[4][2], Raw raw, bool is_signed,
                                                int lane) {
    const bool odd = (lane & 1) != 0;
    const bool upper = (lane & 2) != 0;
    const uint32_t low = __byte_perm(raw.x, raw.y, 0x5410);
    const uint32_t high = __byte_perm(raw.x, raw.y, 0x7632);
    const uint32_t other = __shfl_xor_sync(0xffffffffu, odd ? low : high, 1);
    const uint32_t even_tile = odd ? other : low;
    const uint32_t odd_tile = odd ? high : other;
    const uint32_t first = __byte_perm(even_tile, odd_tile, 0x5410);
    const uint32_t second = __byte_perm(even_tile, odd_tile, 0x7632);
    const uint32_t others = __shfl_xor_sync(0xffffffffu, upper ? first : second, 2);
    const uint32_t words[2] = {upper ? others : first, upper ? second : others};
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      const uint32_t code = words[i / 4] >> (i % 4 * 8) & 0xff;
      values[i / 2][i % 2] = is_signed ? static_cast<float>(static_cast<signed char>(code))
                                       : static_cast<float>(code);
    }
  }
  /// Of values that are counted in the codes' scale.
  static __device__ __forceinline__ Raw pack(const float (&values)[4][2], float least, float most,
                                             int lane) {
    constexpr float kRound = 12582912.0f;  // leaves the nearest integer in the last byte
    const auto bits = [&](float x) {
      return __float_as_uint(__fadd_rn(fminf(fmaxf(x, least), most), kRound));
    };
    uint32_t words[2];
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      words[i] = __byte_perm(
          __byte_perm(bits(values[2 * i][0]), bits(values[2 * i][1]), 0x0040),
          __byte_perm(bits(values[2 * i + 1][0]), bits(values[2 * i + 1][1]), 0x0040), 0x5410);
    }
    const bool odd = (lane & 1) != 0;
    const bool upper = (lane & 2) != 0;
    const uint32_t others = __shfl_xor_sync(0xffffffffu, upper ? words[0] : words[1], 2);
    const uint32_t first = upper ? others : words[0];
    const uint32_t second = upper ? words[1] : others;
    const uint32_t even_tile = __byte_perm(first, second, 0x5410);
    const uint32_t odd_tile = __byte_perm(first, second, 0x7632);
    const uint32_t other = __shfl_xor_sync(0xffffffffu, odd ? even_tile : odd_tile, 1);
    const uint32_t low = odd ? other : even_tile;
    const uint32_t high = odd ? odd_tile : other;
    return make_uint2(__byte_perm(low, high, 0x5410), __byte_perm(low, high, 0x7632));
  }
};

/// Of a matrix's row; null for none.
template <class Row>
__device__ __forceinline__ typename Row::Raw load_row(const unsigned char* row, int column) {
  return row == nullptr ? typename Row::Raw{}
                        : *reinterpret_cast<const typename Row::Raw*>(row + column * Row::kBytes);
}

/// Whether write_rows can write this product's result, and what it adds.
template <class Element>
struct DirectResult {
  bool possible;
  bool in_codes;
  ElementType type;
  Addend addend;  ///< from nowhere: nothing

  __device__ __forceinline__ explicit DirectResult(const GemmParameters& p) {
    constexpr bool kCodes = sizeof(Element) == 1;
    constexpr ElementType kOwn =
        sizeof(Element) == 2 ? ElementType::kFloat16 : ElementType::kFloat32;
    const auto kind = [](ElementType t) { return t == ElementType::kInt8 ? ElementType::kUInt8 : t; };
    type = kCodes ? p.y_type : kOwn;
    const bool bias_matrix = p.bias != nullptr && p.bias_row_step != 0;
    addend = bias_matrix ? Addend{p.bias, kCodes ? p.bias_type : kOwn, 1.0f, p.bias_row_step}
                         : Addend{p.residual, kCodes ? p.residual_type : kOwn,
                                  kCodes ? p.residual_scale : 1.0f, p.n};
    in_codes = kind(type) == ElementType::kUInt8;
    const int pack = type == ElementType::kFloat32 ? 2 : 8;
    possible = p.activation <= 1 && !(bias_matrix && p.residual != nullptr) && p.n % pack == 0 &&
               (kCodes || !bias_matrix || p.bias_column_step == 1) &&
               (!kCodes || type != ElementType::kFloat32) &&
               // A quad's 32 bytes of floats are too little to ask for at once.
               (sizeof(Element) != 4 || addend.from == nullptr) &&
               (addend.from == nullptr ||
                (kind(addend.type) == kind(type) && addend.row_step % pack == 0));
  }
};

/// A thread's sums of 16 * kOfGroup rows, which row_at(t, half) finds in y, or -1. Columns and terms
/// are the group's first.
template <ElementType kType, bool kAdds, int kOfGroup, int kTilesN, class RowAt>
__device__ __forceinline__ void write_rows_of(const GemmParameters& p, const Term* terms,
                                              const Addend& addend,
                                              const float (&sums)[kOfGroup][kTilesN][4],
                                              int first_column, int lane, RowAt row_at) {
  using Row = RowPack<kType>;
  constexpr bool kCodes = kType == ElementType::kUInt8;
  constexpr int kTiles = Row::kTiles;
  constexpr int kPacks = kTilesN / kTiles;
  const int own_column = first_column + (lane & 3) * Row::kElements;
  const bool is_signed = p.y_type == ElementType::kInt8;
  const bool adds_signed = addend.type == ElementType::kInt8;
  const float lowest = !kCodes ? -INFINITY : is_signed ? -128.0f : 0.0f;
  const float least = p.activation == 1 ? 0.0f : lowest;
  const float most = is_signed ? 127.0f : 255.0f;
  const float factor = kCodes ? addend.factor * p.codes_per_unit : addend.factor;
  typename Row::Raw added[kAdds ? kPacks : 1];
  const auto load = [&](int i) {
    const int row = row_at(i / 2, i % 2);
    const auto* const from = static_cast<const unsigned char*>(addend.from) +
                             static_cast<long long>(row) * addend.row_step * Row::kBytes;
#pragma unroll
    for (int pack = 0; pack < kPacks; ++pack) {
      const int column = own_column + pack * kTiles * 8;
      added[pack] = load_row<Row>(row >= 0 && column < p.n ? from : nullptr, column);
    }
  };
  if constexpr (kAdds) load(0);
#pragma unroll
  for (int i = 0; i < 2 * kOfGroup; ++i) {
    const int row = row_at(i / 2, i % 2);
    typename Row::Raw raw[kPacks];
#pragma unroll
    for (int pack = 0; pack < kPacks; ++pack) {
      float values[kTiles][2];
#pragma unroll
      for (int tile = 0; tile < kTiles; ++tile) {
        const int j = pack * kTiles + tile;
        const float4 term = *reinterpret_cast<const float4*>(terms + j * 8 + (lane & 3) * 2);
        const float(&sum)[4] = sums[i / 2][j];
        values[tile][0] = fmaf(sum[i % 2 * 2], term.x, term.y);
        values[tile][1] = fmaf(sum[i % 2 * 2 + 1], term.z, term.w);
      }
      if constexpr (kAdds) {
        float others[kTiles][2];
        Row::unpack(others, added[pack], adds_signed, lane);
#pragma unroll
        for (int tile = 0; tile < kTiles; ++tile) {
#pragma unroll
          for (int e = 0; e < 2; ++e) {
            values[tile][e] = fmaf(others[tile][e], factor, values[tile][e]);
          }
        }
      }
      raw[pack] = Row::pack(values, least, most, lane);
    }
    // On their way while this row is written.
    if (kAdds && i + 1 < 2 * kOfGroup) load(i + 1);
    auto* const to =
        static_cast<unsigned char*>(p.y) + static_cast<long long>(row) * p.n * Row::kBytes;
#pragma unroll
    for (int pack = 0; pack < kPacks; ++pack) {
      const int column = own_column + pack * kTiles * 8;
      if (row < 0 || column >= p.n) continue;
      *reinterpret_cast<typename Row::Raw*>(to + column * Row::kBytes) = raw[pack];
    }
  }
}

template <class Element, int kOfGroup, int kTilesN, class RowAt>
__device__ __forceinline__ void write_rows(const GemmParameters& p,
                                           const DirectResult<Element>& result, const Term* terms,
                                           const float (&sums)[kOfGroup][kTilesN][4],
                                           int first_column, int lane, RowAt row_at) {
#define TENDON_WRITE(TYPE)                                                                     \
  if (result.addend.from != nullptr) {                                                         \
    write_rows_of<ElementType::TYPE, true>(p, terms, result.addend, sums, first_column, lane,  \
                                           row_at);                                            \
  } else {                                                                                     \
    write_rows_of<ElementType::TYPE, false>(p, terms, result.addend, sums, first_column, lane, \
                                            row_at);                                           \
  }
  if constexpr (sizeof(Element) == 4) {
    write_rows_of<ElementType::kFloat32, false>(p, terms, result.addend, sums, first_column, lane,
                                                row_at);
  } else {
    if (sizeof(Element) == 2 || result.type == ElementType::kFloat16) {
      TENDON_WRITE(kFloat16)
    } else if constexpr (sizeof(Element) == 1) {
      TENDON_WRITE(kUInt8)
    }
  }
#undef TENDON_WRITE
}

/// Which of `splits` blocks finishes the rows of a warp, of kWarps.
template <int kWarps>
__device__ __forceinline__ int owner_of(int warp, int splits) {
  return warp * splits / kWarps;
}

/// Adds up the parts that the blocks of a cluster have of the same sums, always in one order: each
/// block gets the whole of the warps that it owns. block_at(split) is a block's rank in the cluster;
/// `memory` and `here` are the same place of shared memory, with room for
/// splits * ceil(kWarps / splits) * kSharing warps' sums: kSharing groups of kWarps have different
/// columns of the same rows. All threads of the cluster must come.
template <int kWarps, int kSharing, int kOfGroup, int kTilesN, class BlockAt>
__device__ __forceinline__ void join_cluster(float (&sums)[kOfGroup][kTilesN][4],
                                             const unsigned char* memory, uint32_t here, int splits,
                                             int own, int warp, int lane, BlockAt block_at) {
  constexpr int kPacks = kOfGroup * kTilesN;
  const int most = (kWarps + splits - 1) / splits;
  const int of_rows = warp % kWarps;
  const int owner = owner_of<kWarps>(of_rows, splits);
  const int first = (owner * kWarps + splits - 1) / splits;
  const auto place = [&](int split) {
    const int sums_of = (split * most + of_rows - first) * kSharing + warp / kWarps;
    return static_cast<uint32_t>((sums_of * kPacks * 32 + lane) * 16);
  };
  // Nobody's stages are needed any more.
  meet_cluster();
  if (warp < kWarps * kSharing && owner != own) {
    const uint32_t there = address_in_block(here + place(own), block_at(owner));
#pragma unroll
    for (int i = 0; i < kPacks; ++i) {
      const float(&sum)[4] = sums[i / kTilesN][i % kTilesN];
      store_to_block(there + i * 512, make_float4(sum[0], sum[1], sum[2], sum[3]));
    }
  }
  meet_cluster();
  if (warp >= kWarps * kSharing || owner != own) return;
  for (int split = 0; split < splits; ++split) {
    if (split == own) continue;
    const auto* const from = reinterpret_cast<const float4*>(memory + place(split));
#pragma unroll
    for (int i = 0; i < kPacks; ++i) {
      const float4 part = from[i * 32];
      float(&sum)[4] = sums[i / kTilesN][i % kTilesN];
      sum[0] += part.x;
      sum[1] += part.y;
      sum[2] += part.z;
      sum[3] += part.w;
    }
  }
}

/// Adds up what kSharing groups of warps have of the same tile, and leaves each group the sums of its
/// part of the columns. `memory` has room for kSharing tiles. All threads of the block must come;
/// `turn` is the group's place among those that share, `thread` the thread's in them.
template <int kSharing, int kOfGroup, int kColumns, class Sum>
__device__ __forceinline__ void join_groups(
    float (&results)[kOfGroup][kColumns / 8 / kSharing][4],
    const Sum (&sums)[kOfGroup][1][kColumns / 8][4], unsigned char* memory, bool has_sums, int turn,
    int thread, int threads) {
  constexpr int kTiles = kColumns / 8;
  constexpr int kOwn = kTiles / kSharing;
  if constexpr (kSharing == 1) {
#pragma unroll
    for (int i = 0; i < kOfGroup * kTiles * 4; ++i) {
      results[i / (kTiles * 4)][i / 4 % kTiles][i % 4] =
          static_cast<float>(sums[i / (kTiles * 4)][0][i / 4 % kTiles][i % 4]);
    }
    __syncthreads();
    return;
  } else {
    static_assert(kOfGroup == 1 && sizeof(Sum) == 4);
    const auto as_floats = [](Sum a, Sum b, Sum c, Sum d) {
      if constexpr (std::is_same_v<Sum, int>) {
        return make_float4(__int_as_float(a), __int_as_float(b), __int_as_float(c),
                           __int_as_float(d));
      } else {
        return make_float4(a, b, c, d);
      }
    };
    const auto add = [](float& to, float part, bool first) {
      if constexpr (std::is_same_v<Sum, int>) {
        to = __int_as_float((first ? 0 : __float_as_int(to)) + __float_as_int(part));
      } else {
        to = first ? part : to + part;
      }
    };
    __syncthreads();
    auto* const places = reinterpret_cast<float4*>(memory) + thread;
    if (has_sums) {
#pragma unroll
      for (int j = 0; j < kTiles; ++j) {
        const auto& sum = sums[0][0][j];
        places[(turn * kTiles + j) * threads] = as_floats(sum[0], sum[1], sum[2], sum[3]);
      }
    }
    __syncthreads();
    if (!has_sums) return;
#pragma unroll
    for (int from = 0; from < kSharing; ++from) {
#pragma unroll
      for (int j = 0; j < kOwn; ++j) {
        const float4 part = places[(from * kTiles + turn * kOwn + j) * threads];
        add(results[0][j][0], part.x, from == 0);
        add(results[0][j][1], part.y, from == 0);
        add(results[0][j][2], part.z, from == 0);
        add(results[0][j][3], part.w, from == 0);
      }
    }
    if constexpr (std::is_same_v<Sum, int>) {
#pragma unroll
      for (int j = 0; j < kOwn; ++j) {
#pragma unroll
        for (int e = 0; e < 4; ++e) {
          results[0][j][e] = static_cast<float>(__float_as_int(results[0][j][e]));
        }
      }
    }
  }
}

}  // namespace tendon::cuda
