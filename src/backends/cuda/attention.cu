// Attention without the matrix of scores: blocks of keys pass by, and a running maximum and sum make
// softmax exact. Two groups of warps share the keys of a block of queries.
#include "attention_parameters.h"
#include "device_math.cuh"

namespace tendon::cuda {
namespace {

constexpr int kQueries = 64;
constexpr int kKeys = 64;
constexpr int kGroups = 2;
constexpr int kGroupThreads = 128;
constexpr float kLog2E = 1.44269504089f;

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
  /// Rows [first, first + kKeys), zeros behind `rows`.
  static __device__ __forceinline__ void load(uint32_t target, const Element* source, int step,
                                              int first, int rows, int thread, int threads) {
    for (int i = thread; i < kKeys * kChunks; i += threads) {
      const int row = i / kChunks;
      const int chunk = i % kChunks;
      const bool valid = first + row < rows;
      const long long from = static_cast<long long>(valid ? first + row : 0) * step;
      copy_async(target + place(row, chunk), source + from + chunk * kChunk, valid);
    }
  }
};

__device__ __forceinline__ uint32_t pack_halves(float low, float high) {
  const __half2 pair = __floats2half2_rn(low, high);
  return *reinterpret_cast<const uint32_t*>(&pair);
}

/// result[16 x kWidth] += weights[16 x kKeys] * values.
template <int kWidth>
__device__ __forceinline__ void add_values(float (&result)[kWidth / 8][4],
                                           const float (&weights)[kKeys / 8][4], HalfArithmetic,
                                           uint32_t values, const unsigned char*, int lane) {
  using T = Tile<__half, kWidth>;
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
    const uint32_t bits[4] = {
        __float_as_uint(weights[step][0]), __float_as_uint(weights[step][2]),
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

template <class Arithmetic, int kWidth, int kStages>
__device__ __forceinline__ void attend(const AttentionParameters& p) {
  using Element = typename Arithmetic::Element;
  using T = Tile<Element, kWidth>;
  constexpr int kStageBytes = 2 * T::kBytes;
  extern __shared__ __align__(128) unsigned char memory[];
  const int thread = static_cast<int>(threadIdx.x);
  const int group = thread / kGroupThreads;
  const int group_thread = thread % kGroupThreads;
  const int lane = thread & 31;
  const int warp = group_thread >> 5;
  const int first_query = static_cast<int>(blockIdx.x) * kQueries;
  const long long head = static_cast<long long>(blockIdx.y) * kWidth;
  const long long batch = static_cast<long long>(blockIdx.z);
  const auto* const q = static_cast<const Element*>(p.q) + batch * p.query_batch_step + head;
  const auto* const k = static_cast<const Element*>(p.k) + batch * p.key_batch_step + head;
  const auto* const v = static_cast<const Element*>(p.v) + batch * p.key_batch_step + head;
  auto* const y = static_cast<Element*>(p.y) + batch * p.query_batch_step + head;

  const uint32_t shared = shared_address(memory);
  const uint32_t own_offset =
      static_cast<uint32_t>(T::kBytes + group * kStages * kStageBytes);
  const auto load_block = [&](int block, int stage) {
    const uint32_t to = shared + own_offset + static_cast<uint32_t>(stage * kStageBytes);
    T::load(to, k, p.key_step, block * kKeys, p.keys, group_thread, kGroupThreads);
    T::load(to + T::kBytes, v, p.key_step, block * kKeys, p.keys, group_thread, kGroupThreads);
  };
  const auto meet_group = [&] {
    asm volatile("bar.sync %0, %1;" ::"r"(group + 1), "n"(kGroupThreads) : "memory");
  };

  wait_for_previous_kernel();
  T::load(shared, q, p.query_step, first_query, p.queries, thread, kGroups * kGroupThreads);
  commit_copies();
  const int blocks = (p.keys + kKeys - 1) / kKeys;
  if constexpr (kStages > 1) {
    if (group < blocks) load_block(group, 0);
    commit_copies();
  }
  wait_for_copies<kStages - 1>();
  __syncthreads();

  constexpr int kSteps = T::kRowBytes / 32;
  typename Arithmetic::A queries[kSteps];
#pragma unroll
  for (int step = 0; step < kSteps; ++step) {
    uint32_t loaded[4];
    load_matrices(loaded, shared + T::place(warp * 16 + (lane & 15), step * 2 + (lane >> 4)));
    queries[step] = Arithmetic::prepare_a(loaded);
  }

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
        load_matrices(b, shared + offset +
                             T::place(j * 8 + (lane & 7) + ((lane >> 4) << 3),
                                      step * 2 + ((lane >> 3) & 1)));
        Arithmetic::multiply(scores[j], queries[step], Arithmetic::prepare_b(b[0], b[1]));
        Arithmetic::multiply(scores[j + 1], queries[step], Arithmetic::prepare_b(b[2], b[3]));
      }
    }
    const int left = p.keys - block * kKeys;
    float maxima[2] = {largest[0], largest[1]};
#pragma unroll
    for (int j = 0; j < kKeys / 8; ++j) {
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        const int key = j * 8 + (lane & 3) * 2 + (e & 1);
        scores[j][e] = key < left ? scores[j][e] * scale : -INFINITY;
        maxima[e / 2] = fmaxf(maxima[e / 2], scores[j][e]);
      }
    }
    float factors[2];
#pragma unroll
    for (int row = 0; row < 2; ++row) {
      maxima[row] = fmaxf(maxima[row], __shfl_xor_sync(0xffffffffu, maxima[row], 1));
      maxima[row] = fmaxf(maxima[row], __shfl_xor_sync(0xffffffffu, maxima[row], 2));
      factors[row] = exp2f(largest[row] - maxima[row]);
      largest[row] = maxima[row];
      sums[row] *= factors[row];
    }
#pragma unroll
    for (int j = 0; j < kKeys / 8; ++j) {
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        scores[j][e] = exp2f(scores[j][e] - largest[e / 2]);
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
#pragma unroll
  for (int row = 0; row < 2; ++row) {
    sums[row] += __shfl_xor_sync(0xffffffffu, sums[row], 1);
    sums[row] += __shfl_xor_sync(0xffffffffu, sums[row], 2);
  }

  // The second group hands its result to the first one.
  wait_for_copies<0>();
  __syncthreads();
  auto* const handed = reinterpret_cast<float*>(memory);
  constexpr int kHanded = kWidth / 8 * 4 + 4;
  if (group == 1) {
#pragma unroll
    for (int i = 0; i < kWidth / 8 * 4; ++i) {
      handed[i * kGroupThreads + group_thread] = result[i / 4][i % 4];
    }
#pragma unroll
    for (int row = 0; row < 2; ++row) {
      handed[(kHanded - 4 + row) * kGroupThreads + group_thread] = largest[row];
      handed[(kHanded - 2 + row) * kGroupThreads + group_thread] = sums[row];
    }
  }
  __syncthreads();
  if (group == 1) return;
#pragma unroll
  for (int row = 0; row < 2; ++row) {
    const float other_largest = handed[(kHanded - 4 + row) * kGroupThreads + group_thread];
    const float other_sum = handed[(kHanded - 2 + row) * kGroupThreads + group_thread];
    const float both = fmaxf(largest[row], other_largest);
    const float factor = exp2f(largest[row] - both);
    const float other_factor = exp2f(other_largest - both);
    const float inverse = 1.0f / (sums[row] * factor + other_sum * other_factor);
    const int query = first_query + warp * 16 + (lane >> 2) + row * 8;
#pragma unroll
    for (int j = 0; j < kWidth / 8; ++j) {
      float pair[2];
#pragma unroll
      for (int e = 0; e < 2; ++e) {
        const int i = j * 4 + row * 2 + e;
        pair[e] = (result[j][row * 2 + e] * factor +
                   handed[i * kGroupThreads + group_thread] * other_factor) *
                  inverse;
      }
      if (query >= p.queries) continue;
      Element* const to =
          y + static_cast<long long>(query) * p.query_step + j * 8 + (lane & 3) * 2;
      to[0] = from_float<Element>(pair[0]);
      to[1] = from_float<Element>(pair[1]);
    }
  }
}

}  // namespace

#define TENDON_ATTENTION(NAME, ARITHMETIC, WIDTH, STAGES)                            \
  extern "C" __global__ void __launch_bounds__(kGroups* kGroupThreads)               \
      attention_##NAME##_##WIDTH(const __grid_constant__ AttentionParameters p) {    \
    attend<ARITHMETIC, WIDTH, STAGES>(p);                                            \
  }

TENDON_ATTENTION(f16, HalfArithmetic, 16, 2)
TENDON_ATTENTION(f16, HalfArithmetic, 32, 2)
TENDON_ATTENTION(f16, HalfArithmetic, 64, 2)
TENDON_ATTENTION(tf32, Tf32Arithmetic, 16, 1)
TENDON_ATTENTION(tf32, Tf32Arithmetic, 32, 1)
TENDON_ATTENTION(tf32, Tf32Arithmetic, 64, 1)
TENDON_ATTENTION(f32, FloatArithmetic, 16, 1)
TENDON_ATTENTION(f32, FloatArithmetic, 32, 1)
TENDON_ATTENTION(f32, FloatArithmetic, 64, 1)

}  // namespace tendon::cuda
