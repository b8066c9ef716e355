// From the sums that groups of four warps have in registers to the result, and the parts of a sum
// that the blocks of a cluster send each other. What follows the last product runs once and is read
// from memory as it runs, so every instruction of it counts.
#pragma once

#include <type_traits>

#include "gemm_common.cuh"
#include "wgmma_math.cuh"

namespace tendon::cuda {

/// What becomes of a column's sums: x * sum + y.
using Term = float2;

/// Codes as fractions of their range: the hardware keeps those within 0..1 at no cost. NaN would
/// become the least code, not 0: exact sums and finite factors make none, and who has others looks.
struct CodeFractions {
  float least, range, per_range;

  __device__ __forceinline__ CodeFractions(bool is_signed, bool rectified)
      : least(is_signed && !rectified ? -128.0f : 0.0f),
        range(is_signed && rectified ? 127.0f : 255.0f),
        per_range(is_signed && rectified ? 1.0f / 127.0f : 1.0f / 255.0f) {}
  /// Whose last byte is the nearest code.
  __device__ __forceinline__ uint32_t bits(float fraction) const {
    constexpr float kRound = 12582912.0f;
    return __float_as_uint(__fmaf_rn(fraction, range, kRound + least));
  }
  __device__ __forceinline__ uint32_t four(const float (&fractions)[4]) const {
    return __byte_perm(__byte_perm(bits(fractions[0]), bits(fractions[1]), 0x0040),
                       __byte_perm(bits(fractions[2]), bits(fractions[3]), 0x0040), 0x5410);
  }
};

/// Of the block's columns in the order of its sums, by its first kColumns threads; in_codes: in
/// fractions of the codes' range.
template <class Element, int kColumns>
__device__ __forceinline__ void load_terms(const GemmParameters& p, Term* terms, bool in_codes,
                                           int first_column, int thread) {
  if (thread >= kColumns) return;
  const int column = first_column + column_of_sums(thread);
  Term term = make_float2(0.0f, 0.0f);
  if (column < p.n) {
    const bool biased = p.bias != nullptr && p.bias_row_step == 0;
    if constexpr (sizeof(Element) == 1) {
      term.x = p.scale[column];
      if (biased) term.y = load_one(p.bias, p.bias_type, column);
      if (in_codes) {
        const CodeFractions codes(p.y_type == ElementType::kInt8, p.activation == 1);
        const float fraction = p.codes_per_unit * codes.per_range;
        term.x *= fraction;
        term.y = fmaf(term.y, fraction, -codes.least * codes.per_range);
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

/// Eight values that lie side by side in a row, which a lane has of four tiles of sums: see
/// column_of_sums. Values are as CodeFractions has them where they become codes.
template <ElementType kType>
struct RowPack;

template <>
struct RowPack<ElementType::kFloat32> {
  static constexpr int kBytes = 4;
  struct alignas(16) Raw {
    float4 parts[2];
  };
  static __device__ __forceinline__ void unpack(float (&values)[8], const Raw& raw, bool) {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      values[4 * i] = raw.parts[i].x;
      values[4 * i + 1] = raw.parts[i].y;
      values[4 * i + 2] = raw.parts[i].z;
      values[4 * i + 3] = raw.parts[i].w;
    }
  }
  /// `rectified`: negative values become 0, and NaN stays.
  static __device__ __forceinline__ Raw pack(const float (&values)[8], bool rectified,
                                             const CodeFractions&) {
    float kept[8];
#pragma unroll
    for (int i = 0; i < 8; ++i) kept[i] = rectified && values[i] <= 0.0f ? 0.0f : values[i];
    return {{make_float4(kept[0], kept[1], kept[2], kept[3]),
             make_float4(kept[4], kept[5], kept[6], kept[7])}};
  }
};

template <>
struct RowPack<ElementType::kHalf> {
  static constexpr int kBytes = 2;
  using Raw = uint4;
  static __device__ __forceinline__ void unpack(float (&values)[8], const Raw& raw, bool) {
    const uint32_t words[4] = {raw.x, raw.y, raw.z, raw.w};
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const float2 pair = unpack_halves(words[i]);
      values[2 * i] = pair.x;
      values[2 * i + 1] = pair.y;
    }
  }
  static __device__ __forceinline__ Raw pack(const float (&values)[8], bool rectified,
                                             const CodeFractions&) {
    uint32_t words[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      Half2 pair = half2_of(values[2 * i], values[2 * i + 1]);
      if (rectified) pair = __hmax2_nan(pair, half2_of(0.0f));
      words[i] = pack_halves(pair);
    }
    return make_uint4(words[0], words[1], words[2], words[3]);
  }
};

/// Codes, signed or not as is said at run time.
template <>
struct RowPack<ElementType::kUInt8> {
  static constexpr int kBytes = 1;
  using Raw = uint2;
  static __device__ __forceinline__ void unpack(float (&values)[8], const Raw& raw,
                                                bool is_signed) {
    const uint32_t words[2] = {raw.x, raw.y};
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      const uint32_t code = words[i / 4] >> (i % 4 * 8) & 0xff;
      values[i] =
          is_signed ? static_cast<float>(static_cast<signed char>(code)) : static_cast<float>(code);
    }
  }
  static __device__ __forceinline__ Raw pack(const float (&values)[8], bool,
                                             const CodeFractions& codes) {
    const float(&low)[4] = reinterpret_cast<const float(&)[4]>(values[0]);
    const float(&high)[4] = reinterpret_cast<const float(&)[4]>(values[4]);
    return make_uint2(codes.four(low), codes.four(high));
  }
};

/// Tiles of kPackColumns, and the first of these columns that belongs to a lane.
constexpr int kPackTiles = kPackColumns / 8;
__device__ __forceinline__ int own_column_of_pack(int lane) { return (lane & 3) * 8; }

/// Whether write_rows can write this product's result, and what it adds.
template <class Element>
struct DirectResult {
  bool possible;
  bool in_codes;
  ElementType type;
  Addend addend;  ///< from nowhere: nothing

  __device__ __forceinline__ explicit DirectResult(const GemmParameters& p) {
    constexpr bool kCodes = sizeof(Element) == 1;
    constexpr ElementType kOwn = sizeof(Element) == 2 ? ElementType::kHalf : ElementType::kFloat32;
    const auto kind = [](ElementType t) {
      return t == ElementType::kInt8 ? ElementType::kUInt8 : t;
    };
    type = kCodes ? p.y_type : kOwn;
    const bool bias_matrix = p.bias != nullptr && p.bias_row_step != 0;
    addend = bias_matrix ? Addend{p.bias, kCodes ? p.bias_type : kOwn, 1.0f, p.bias_row_step}
                         : Addend{p.residual, kCodes ? p.residual_type : kOwn,
                                  kCodes ? p.residual_scale : 1.0f, p.residual_row_step};
    in_codes = kind(type) == ElementType::kUInt8;
    possible =
        p.activation <= 1 && !(bias_matrix && p.residual != nullptr) && p.n % 8 == 0 &&
        (kCodes || !bias_matrix || p.bias_column_step == 1) &&
        (!kCodes || type != ElementType::kFloat32) &&
        (addend.from == nullptr || (kind(addend.type) == kind(type) && addend.row_step % 8 == 0));
  }
};

/// A thread's sums of 16 * kOfGroup rows, which row_at(t, half) finds in y, or -1. Columns and
/// terms are the group's first.
template <ElementType kType, bool kAdds, int kOfGroup, int kTilesN, class RowAt>
__device__ __forceinline__ void write_rows_of(const GemmParameters& p, const Term* terms,
                                              const Addend& addend,
                                              const float (&sums)[kOfGroup][kTilesN][4],
                                              int first_column, int lane, RowAt row_at) {
  using Row = RowPack<kType>;
  constexpr bool kCodes = kType == ElementType::kUInt8;
  constexpr int kPacks = kTilesN / kPackTiles;
  constexpr int kSteps = kOfGroup * kPacks;  // of two rows of a pack each
  static_assert(kTilesN % kPackTiles == 0);
  const int own_column = first_column + own_column_of_pack(lane);
  const bool rectified = p.activation == 1;
  const CodeFractions codes(p.y_type == ElementType::kInt8, rectified);
  const bool adds_signed = addend.type == ElementType::kInt8;
  const float factor = kCodes ? addend.factor * p.codes_per_unit * codes.per_range : addend.factor;
  const auto place_of = [&](int row, int step, int pack) {
    return (static_cast<long long>(row) * step + own_column + pack * kPackColumns) * Row::kBytes;
  };
  typename Row::Raw added[kAdds ? kSteps : 1][2];
  const auto load = [&](int step) {
    const int pack = step % kPacks;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int row = row_at(step / kPacks, half);
      added[step][half] = {};
      if (row < 0 || own_column + pack * kPackColumns >= p.n) continue;
      added[step][half] = *reinterpret_cast<const typename Row::Raw*>(
          static_cast<const unsigned char*>(addend.from) + place_of(row, addend.row_step, pack));
    }
  };
  // On their way while earlier steps are written; as many as there are registers for.
  constexpr int kAhead = kCodes ? kSteps : 1;
#pragma unroll
  for (int step = 0; kAdds && step < kAhead; ++step) load(step);
#pragma unroll
  for (int step = 0; step < kSteps; ++step) {
    if (kAdds && step + kAhead < kSteps) load(step + kAhead);
    const int pack = step % kPacks;
    const auto* const of_tiles =
        reinterpret_cast<const float4*>(terms + pack * kPackColumns + (lane & 3) * 2);
    float4 of_columns[kPackTiles];
#pragma unroll
    for (int tile = 0; tile < kPackTiles; ++tile) of_columns[tile] = of_tiles[tile * 4];
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      float others[8] = {};
      if constexpr (kAdds) Row::unpack(others, added[step][half], adds_signed);
      float values[8];
#pragma unroll
      for (int e = 0; e < 8; ++e) {
        const float4& term = of_columns[e / 2];
        const float sum = sums[step / kPacks][pack * kPackTiles + e / 2][half * 2 + e % 2];
        values[e] = e % 2 == 0 ? fmaf(sum, term.x, term.y) : fmaf(sum, term.z, term.w);
        if constexpr (kAdds) values[e] = fmaf(others[e], factor, values[e]);
        if constexpr (kCodes) values[e] = __saturatef(values[e]);
      }
      const typename Row::Raw raw = Row::pack(values, rectified, codes);
      const int row = row_at(step / kPacks, half);
      if (row < 0 || own_column + pack * kPackColumns >= p.n) continue;
      *reinterpret_cast<typename Row::Raw*>(static_cast<unsigned char*>(p.y) +
                                            place_of(row, p.n, pack)) = raw;
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
    TENDON_WRITE(kFloat32)
  } else {
    if (sizeof(Element) == 2 || result.type == ElementType::kHalf) {
      TENDON_WRITE(kHalf)
    } else if constexpr (sizeof(Element) == 1) {
      TENDON_WRITE(kUInt8)
    }
  }
#undef TENDON_WRITE
}

/// A warp's sums to the tile in shared memory, whose row and column are the warp's first.
template <int kColumns, int kTilesN>
__device__ __forceinline__ void stage_rows(float* staged, const float (&sums)[kTilesN][4], int row,
                                           int column, int lane) {
#pragma unroll
  for (int j = 0; j < kTilesN; j += 2) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      auto* const to = reinterpret_cast<float4*>(
          staged + (row + half * 8 + (lane >> 2)) * kSumPitch<kColumns> + column +
          j / kPackTiles * kPackColumns + own_column_of_pack(lane) + j % kPackTiles * 2);
      *to = make_float4(sums[j][half * 2], sums[j][half * 2 + 1], sums[j + 1][half * 2],
                        sums[j + 1][half * 2 + 1]);
    }
  }
}

}  // namespace tendon::cuda
