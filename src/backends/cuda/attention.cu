// Attention without the matrix of scores: blocks of keys pass by, and a running maximum and sum
// make softmax exact. Groups of warps share the keys of a block of queries.
#include "attention_parameters.h"
#include "device_math.cuh"

namespace tendon::cuda {
namespace {

constexpr int kQueries = 64;
constexpr int kKeys = 64;
constexpr int kGroupThreads = 128;

template <class Element, int kWidth>
struct Tile {
  static constexpr int kChunk = 16 / static_cast<int>(sizeof(Element));
  static constexpr int kChunks = kWidth / kChunk;
  static constexpr int kRowBytes = kWidth * static_cast<int>(sizeof(Element));
  static constexpr int kBytes = kKeys * kRowBytes;

  static __device__ __forceinline__ uint32_t place(int row, int chunk) {
    const int mixed = kChunks >= 8 ? row & 7 : kChunks == 4 ? (row >> 1) & 3 : (row >> 2) & 1;
    return static_cast<uint32_t>(row * kRowBytes + ((chunk ^ mixed) << 4));
  }
  /// Rows [first, first + kKeys), zeros behind `rows`, by kThreads threads.
  template <int kThreads>
  static __device__ __forceinline__ void load(uint32_t target, const Element* source, int step,
                                              int first, int rows, int thread) {
    static_assert(kThreads % (kChunks * 8) == 0);
    constexpr int kAtOnce = kThreads / kChunks;
    constexpr int kPasses = (kKeys + kAtOnce - 1) / kAtOnce;
    const int own_row = thread / kChunks;
    const int chunk = thread % kChunks;
    // Rows of a thread are a multiple of eight apart, so they are mixed alike.
    const uint32_t to = target + place(own_row, chunk);
    const Element* const from =
        source + static_cast<long long>(first + own_row) * step + chunk * kChunk;
#pragma unroll
    for (int pass = 0; pass < kPasses; ++pass) {
      const int row = own_row + pass * kAtOnce;
      if (kAtOnce > kKeys && row >= kKeys) continue;
      const bool valid = first + row < rows;
      copy_async(to + static_cast<uint32_t>(pass * kAtOnce * kRowBytes),
                 valid ? from + static_cast<long long>(pass * kAtOnce) * step : source, valid);
    }
  }
};

/// result[16 x kWidth] += weights[16 x kKeys] * values.
template <int kWidth>
__device__ __forceinline__ void add_values(float (&result)[kWidth / 8][4],
                                           const float (&weights)[kKeys / 8][4], HalfArithmetic,
                                           uint32_t values, const unsigned char*, int lane) {
  using T = Tile<Half, kWidth>;
#pragma unroll
  for (int step = 0; step < kKeys / 16; ++step) {
    uint32_t a[4];
#pragma unroll
    for (int e = 0; e < 4; ++e) {
      const float(&pair)[4] = weights[step * 2 + e / 2];
      a[e] = pack_halves(pair[e % 2 * 2], pair[e % 2 * 2 + 1]);
    }
#pragma unroll
    for (int j = 0; j < kWidth / 8; j += 2) {
      uint32_t b[4];
      load_matrices_transposed(b, values + T::place(step * 16 + (lane & 15), j + (lane >> 4)));
      multiply_half(result[j], a, b[0], b[1]);
      multiply_half(result[j + 1], a, b[2], b[3]);
    }
  }
}

/// The same; the order of keys within eight is that of the scores in registers.
template <int kWidth, class Arithmetic>
__device__ __forceinline__ void add_values(float (&result)[kWidth / 8][4],
                                           const float (&weights)[kKeys / 8][4], Arithmetic,
                                           uint32_t, const unsigned char* values, int lane) {
  using T = Tile<float, kWidth>;
#pragma unroll
  for (int step = 0; step < kKeys / 8; ++step) {
    const uint32_t bits[4] = {__float_as_uint(weights[step][0]), __float_as_uint(weights[step][2]),
                              __float_as_uint(weights[step][1]), __float_as_uint(weights[step][3])};
    const auto a = Arithmetic::prepare_a(bits);
    const int key = step * 8 + (lane & 3) * 2;
#pragma unroll
    for (int j = 0; j < kWidth / 8; ++j) {
      const int column = j * 8 + (lane >> 2);
      const auto at = [&](int row) {
        return *reinterpret_cast<const uint32_t*>(values + T::place(row, column / 4) +
                                                  column % 4 * 4);
      };
      Arithmetic::multiply(result[j], a, Arithmetic::prepare_b(at(key), at(key + 1)));
    }
  }
}

/// A warp's 16 queries in registers.
template <class Arithmetic, int kWidth>
struct Queries {
  using T = Tile<typename Arithmetic::Element, kWidth>;
  static constexpr int kSteps = T::kRowBytes / 32;
  typename Arithmetic::A values[kSteps];

  __device__ __forceinline__ void load(uint32_t tile, int warp, int lane) {
#pragma unroll
    for (int step = 0; step < kSteps; ++step) {
      uint32_t loaded[4];
      load_matrices(loaded, tile + T::place(warp * 16 + (lane & 15), step * 2 + (lane >> 4)));
      values[step] = Arithmetic::prepare_a(loaded);
    }
  }
  /// Of the keys at `keys`.
  __device__ __forceinline__ void score(float (&scores)[kKeys / 8][4], uint32_t keys,
                                        int lane) const {
#pragma unroll
    for (int j = 0; j < kKeys / 8; ++j) {
#pragma unroll
      for (int e = 0; e < 4; ++e) scores[j][e] = 0.0f;
    }
#pragma unroll
    for (int step = 0; step < kSteps; ++step) {
#pragma unroll
      for (int j = 0; j < kKeys / 8; j += 2) {
        uint32_t b[4];
        load_matrices(b, keys + T::place(j * 8 + (lane & 7) + ((lane >> 4) << 3),
                                         step * 2 + ((lane >> 3) & 1)));
        Arithmetic::multiply(scores[j], values[step], Arithmetic::prepare_b(b[0], b[1]));
        Arithmetic::multiply(scores[j + 1], values[step], Arithmetic::prepare_b(b[2], b[3]));
      }
    }
  }
};

template <class Arithmetic, int kWidth, int kGroups, int kStages>
__device__ __forceinline__ void attend(const AttentionParameters& p) {
  using Element = typename Arithmetic::Element;
  using T = Tile<Element, kWidth>;
  constexpr int kStageBytes = 2 * T::kBytes;
  extern __shared__ __align__(1024) unsigned char memory[];
  const int thread = static_cast<int>(threadIdx.x);
  const int group = thread / kGroupThreads;
  const int group_thread = thread % kGroupThreads;
  const int lane = thread & 31;
  const int warp = group_thread >> 5;
  const int first_query = static_cast<int>(blockIdx.x) * kQueries;
  const auto offset_of = [](const AttentionRows& rows) {
    return static_cast<long long>(blockIdx.z) * rows.batch_step + rows.first +
           static_cast<long long>(blockIdx.y) * kWidth;
  };
  const auto* const q = static_cast<const Element*>(p.q) + offset_of(p.q_rows);
  const auto* const k = static_cast<const Element*>(p.k) + offset_of(p.k_rows);
  const auto* const v = static_cast<const Element*>(p.v) + offset_of(p.v_rows);
  auto* const y = static_cast<Element*>(p.y) + offset_of(p.y_rows);

  const uint32_t shared = shared_address(memory);
  const uint32_t own_offset = static_cast<uint32_t>(T::kBytes + group * kStages * kStageBytes);
  const auto load_block = [&](int block, int stage) {
    const uint32_t to = shared + own_offset + static_cast<uint32_t>(stage * kStageBytes);
    T::template load<kGroupThreads>(to, k, p.k_rows.step, block * kKeys, p.keys, group_thread);
    T::template load<kGroupThreads>(to + T::kBytes, v, p.v_rows.step, block * kKeys, p.keys,
                                    group_thread);
  };
  const auto meet_group = [&] {
    asm volatile("bar.sync %0, %1;" ::"r"(group + 1), "n"(kGroupThreads) : "memory");
  };

  wait_for_previous_kernel();
  T::template load<kGroups * kGroupThreads>(shared, q, p.q_rows.step, first_query, p.queries,
                                            thread);
  commit_copies();
  const int blocks = (p.keys + kKeys - 1) / kKeys;
  if constexpr (kStages > 1) {
    if (group < blocks) load_block(group, 0);
    commit_copies();
  }
  wait_for_copies<kStages - 1>();
  __syncthreads();

  Queries<Arithmetic, kWidth> queries;
  queries.load(shared, warp, lane);

  float result[kWidth / 8][4] = {};
  float largest[2] = {-INFINITY, -INFINITY};
  float sums[2] = {};
  const float scale = p.scale * kLog2E;
  int stage = 0;
  for (int block = group; block < blocks; block += kGroups) {
    if constexpr (kStages > 1) {
      if (block + kGroups < blocks) load_block(block + kGroups, stage ^ 1);
      commit_copies();
      wait_for_copies<1>();
    } else {
      load_block(block, 0);
      commit_copies();
      wait_for_copies<0>();
    }
    meet_group();
    const uint32_t offset = own_offset + static_cast<uint32_t>(stage * kStageBytes);
    float scores[kKeys / 8][4];
    queries.score(scores, shared + offset, lane);
    const int left = p.keys - block * kKeys;
    if (left < kKeys) {
#pragma unroll
      for (int j = 0; j < kKeys / 8; ++j) {
#pragma unroll
        for (int e = 0; e < 4; ++e) {
          if (j * 8 + (lane & 3) * 2 + (e & 1) >= left) scores[j][e] = -INFINITY;
        }
      }
    }
    float maxima[2] = {largest[0], largest[1]};
#pragma unroll
    for (int j = 0; j < kKeys / 8; ++j) {
#pragma unroll
      for (int e = 0; e < 4; ++e) maxima[e / 2] = fmaxf(maxima[e / 2], scores[j][e]);
    }
    float factors[2];
    float shifts[2];
#pragma unroll
    for (int row = 0; row < 2; ++row) {
      maxima[row] = fmaxf(maxima[row], __shfl_xor_sync(0xffffffffu, maxima[row], 1));
      maxima[row] = fmaxf(maxima[row], __shfl_xor_sync(0xffffffffu, maxima[row], 2));
      factors[row] = power_of_two((largest[row] - maxima[row]) * scale);
      largest[row] = maxima[row];
      shifts[row] = maxima[row] * scale;
      sums[row] *= factors[row];
    }
#pragma unroll
    for (int j = 0; j < kKeys / 8; ++j) {
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        scores[j][e] = power_of_two(fmaf(scores[j][e], scale, -shifts[e / 2]));
        sums[e / 2] += scores[j][e];
      }
    }
#pragma unroll
    for (int j = 0; j < kWidth / 8; ++j) {
#pragma unroll
      for (int e = 0; e < 4; ++e) result[j][e] *= factors[e / 2];
    }
    add_values<kWidth>(result, scores, Arithmetic{}, shared + offset + T::kBytes,
                       memory + offset + T::kBytes, lane);
    meet_group();
    if constexpr (kStages > 1) stage ^= 1;
  }
  // racecheck reports what __syncthreads orders below, unless all groups have met equally often.
  const int groups_ahead = blocks % kGroups;
  if (groups_ahead != 0 && group >= groups_ahead) {
    meet_group();
    meet_group();
  }
#pragma unroll
  for (int row = 0; row < 2; ++row) {
    sums[row] += __shfl_xor_sync(0xffffffffu, sums[row], 1);
    sums[row] += __shfl_xor_sync(0xffffffffu, sums[row], 2);
  }

  // Every group of warps keeps a part of its queries' results and takes that part of the others'.
  wait_for_copies<0>();
  __syncthreads();
  auto* const handed = reinterpret_cast<float*>(memory);
  constexpr int kResults = kWidth / 8 * 4;
  constexpr int kHanded = kResults + 4;
  const auto place_of = [&](int from, int i) -> float& {
    return handed[(from * kHanded + i) * kGroupThreads + group_thread];
  };
#pragma unroll
  for (int i = 0; i < kResults; ++i) place_of(group, i) = result[i / 4][i % 4];
#pragma unroll
  for (int row = 0; row < 2; ++row) {
    place_of(group, kResults + row) = largest[row];
    place_of(group, kResults + 2 + row) = sums[row];
  }
  __syncthreads();
#pragma unroll
  for (int row = 0; row < 2; ++row) {
    const int query = first_query + warp * 16 + (lane >> 2) + row * 8;
    if (query >= p.queries) continue;
    float all = -INFINITY;
#pragma unroll
    for (int g = 0; g < kGroups; ++g) all = fmaxf(all, place_of(g, kResults + row));
    float factors[kGroups];
    float sum = 0.0f;
#pragma unroll
    for (int g = 0; g < kGroups; ++g) {
      factors[g] = power_of_two((place_of(g, kResults + row) - all) * scale);
      sum += place_of(g, kResults + 2 + row) * factors[g];
    }
    const float inverse = 1.0f / sum;
    Element* const to = y + static_cast<long long>(query) * p.y_rows.step + (lane & 3) * 2;
    for (int j = group; j < kWidth / 8; j += kGroups) {
      float pair[2] = {};
#pragma unroll
      for (int g = 0; g < kGroups; ++g) {
        pair[0] += place_of(g, j * 4 + row * 2) * factors[g];
        pair[1] += place_of(g, j * 4 + row * 2 + 1) * factors[g];
      }
      if constexpr (sizeof(Element) == 2) {
        *reinterpret_cast<Half2*>(to + j * 8) = half2_of(pair[0] * inverse, pair[1] * inverse);
      } else {
        *reinterpret_cast<float2*>(to + j * 8) = make_float2(pair[0] * inverse, pair[1] * inverse);
      }
    }
  }
}

}  // namespace

#define TENDON_ATTENTION(NAME, ARITHMETIC, WIDTH, GROUPS, STAGES)                 \
  extern "C" __global__ void __launch_bounds__(GROUPS* kGroupThreads, 1)          \
      attention_##NAME##_##WIDTH(const __grid_constant__ AttentionParameters p) { \
    attend<ARITHMETIC, WIDTH, GROUPS, STAGES>(p);                                 \
  }

TENDON_WITH(TENDON_ATTENTION, TENDON_HALF, HalfArithmetic, 16, kHalfGroups, 2)
TENDON_WITH(TENDON_ATTENTION, TENDON_HALF, HalfArithmetic, 32, kHalfGroups, 2)
TENDON_WITH(TENDON_ATTENTION, TENDON_HALF, HalfArithmetic, 64, kHalfGroups, 2)
#ifndef TENDON_BFLOAT16
TENDON_ATTENTION(tf32, Tf32Arithmetic, 16, kFloatGroups, 1)
TENDON_ATTENTION(tf32, Tf32Arithmetic, 32, kFloatGroups, 1)
TENDON_ATTENTION(tf32, Tf32Arithmetic, 64, kFloatGroups, 1)
TENDON_ATTENTION(f32, FloatArithmetic, 16, kFloatGroups, 1)
TENDON_ATTENTION(f32, FloatArithmetic, 32, kFloatGroups, 1)
TENDON_ATTENTION(f32, FloatArithmetic, 64, kFloatGroups, 1)
#endif

}  // namespace tendon::cuda
