// Attention on Hopper's tensor cores: groups of four warps take turns with the blocks of keys,
// which the copy engine brings ahead of them, and join their results in the end.
#include "attention_parameters.h"
#include "device_math.cuh"
#include "wgmma_math.cuh"

namespace tendon::cuda {

#ifdef __CUDA_ARCH_FEAT_SM90_ALL
namespace {

constexpr int kWidth = 64;
constexpr int kRows = 64;  // of a tile of queries, keys or values
constexpr uint32_t kRowBytes = kWidth * sizeof(Half);
constexpr uint32_t kTileBytes = kRows * kRowBytes;
constexpr uint32_t kEightRows = 8 * kRowBytes;
constexpr int kGroups = kHalfGroups;
constexpr int kGroupThreads = 128;
constexpr uint32_t kStageBytes = 2 * kTileBytes;
constexpr uint32_t kGroupBytes = kGroupedStages * kStageBytes;

/// A group's part of the result in shared memory: rows of floats, padded so that eight rows of two
/// columns fall into different banks.
constexpr int kPitch = kWidth + 8;
static_assert(kRows * kPitch * sizeof(float) <= kGroupBytes);
/// Where four columns lie; a thread reads two such pieces, eight threads a row.
__device__ __forceinline__ int place_of_piece(int piece) { return (piece ^ piece >> 3) * 4; }

/// What a part of a row's result refers to, and the sum of its weights.
using Terms = float2;

/// Eight columns of a row, of several parts.
struct Joined {
  float values[8] = {};
  Terms terms = {-INFINITY, 0.0f};

  template <int kMost, class TermsOf, class PieceOf>
  __device__ __forceinline__ void join(int parts, float scale, TermsOf terms_of, PieceOf piece_of) {
#pragma unroll
    for (int i = 0; i < kMost; ++i) {
      if (i < parts) terms.x = fmaxf(terms.x, terms_of(i).x);
    }
#pragma unroll 1
    for (int i = 0; i < parts; ++i) {
      const Terms of_part = terms_of(i);
      const float factor = power_of_two((of_part.x - terms.x) * scale);
      terms.y += of_part.y * factor;
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const float4 piece = *reinterpret_cast<const float4*>(piece_of(i, half));
        values[half * 4] += piece.x * factor;
        values[half * 4 + 1] += piece.y * factor;
        values[half * 4 + 2] += piece.z * factor;
        values[half * 4 + 3] += piece.w * factor;
      }
    }
  }
};

/// Where a group's tiles and barriers are.
struct GroupMemory {
  uint32_t tiles;
  uint32_t barriers;

  static constexpr int kBarriers = 2 * kGroupedStages + 1;
  __device__ __forceinline__ uint32_t keys(int stage) const {
    return tiles + static_cast<uint32_t>(stage) * kStageBytes;
  }
  __device__ __forceinline__ uint32_t values(int stage) const { return keys(stage) + kTileBytes; }
  __device__ __forceinline__ uint32_t keys_full(int stage) const { return barriers + 8 * stage; }
  __device__ __forceinline__ uint32_t values_full(int stage) const {
    return barriers + 8 * (kGroupedStages + stage);
  }
  /// All warps are done with a block's keys and with the values of the block before.
  __device__ __forceinline__ uint32_t used() const { return barriers + 16 * kGroupedStages; }

  __device__ __forceinline__ void start_barriers() const {
    for (int i = 0; i < 2 * kGroupedStages; ++i) start_barrier(barriers + 8 * i, 1);
    start_barrier(used(), kGroupThreads / 32);
  }
};

/// A place in the ring of stages, and the parity of what is loaded to it.
struct Place {
  int stage = 0;
  uint32_t parity = 0;
  __device__ __forceinline__ void advance() {
    if (++stage == kGroupedStages) {
      stage = 0;
      parity ^= 1;
    }
  }
};

/// A running softmax over a thread's two rows: weights are 2^(scale * (score - reference)). The
/// reference is an earlier maximum for as long as weights stay small enough for float16.
struct Softmax {
  float scale;
  float references[2] = {-INFINITY, -INFINITY};
  float sums[2] = {};
  // Of the last weights:
  float previous[2];  // references
  float added[2];
  bool refers_anew;  // some row of this warp

  __device__ __forceinline__ void weigh(float (&scores)[8][4]) {
    constexpr float kMostExponent = 8;
    float shifts[2];
    bool grown = false;
#pragma unroll
    for (int row = 0; row < 2; ++row) {
      float largest = references[row];
#pragma unroll
      for (int j = 0; j < 8; ++j) {
        largest = fmaxf(largest, fmaxf(scores[j][row * 2], scores[j][row * 2 + 1]));
      }
      largest = fmaxf(largest, __shfl_xor_sync(0xffffffffu, largest, 1));
      largest = fmaxf(largest, __shfl_xor_sync(0xffffffffu, largest, 2));
      const bool row_grown = (largest - references[row]) * scale > kMostExponent;
      grown |= row_grown;
      previous[row] = references[row];
      if (row_grown) references[row] = largest;
      shifts[row] = references[row] * scale;
    }
    refers_anew = __any_sync(0xffffffffu, grown);
#pragma unroll
    for (int j = 0; j < 8; ++j) {
#pragma unroll
      for (int row = 0; row < 2; ++row) {
        float(&pair)[4] = scores[j];
#pragma unroll
        for (int e = row * 2; e < row * 2 + 2; ++e) {
          pair[e] = power_of_two(fmaf(pair[e], scale, -shifts[row]));
        }
        const float sum = pair[row * 2] + pair[row * 2 + 1];
        added[row] = j == 0 ? sum : added[row] + sum;
      }
    }
  }
  /// What was summed up before the last weights; then the last weights join the sums.
  __device__ __forceinline__ void rescale(float (&result)[8][4]) {
    if (refers_anew) {
      float factors[2];
#pragma unroll
      for (int row = 0; row < 2; ++row) {
        factors[row] = power_of_two((previous[row] - references[row]) * scale);
        sums[row] *= factors[row];
      }
#pragma unroll
      for (int j = 0; j < 8; ++j) {
#pragma unroll
        for (int e = 0; e < 4; ++e) result[j][e] *= factors[e / 2];
      }
    }
#pragma unroll
    for (int row = 0; row < 2; ++row) sums[row] += added[row];
  }
};

__device__ __forceinline__ void pack_weights(uint32_t (&weights)[4][4],
                                             const float (&scores)[8][4]) {
#pragma unroll
  for (int i = 0; i < 16; ++i) {
    const float(&pair)[4] = scores[i / 2];
    weights[i / 4][i % 4] = pack_halves(pair[i % 2 * 2], pair[i % 2 * 2 + 1]);
  }
}

__device__ __forceinline__ void attend(const GroupedAttentionParameters& q) {
  const AttentionParameters& p = q.of;
  extern __shared__ __align__(1024) unsigned char memory[];
  __shared__ uint64_t barriers[1 + kGroups * GroupMemory::kBarriers];
  __shared__ Terms terms[kGroups][kRows];
  const int thread = static_cast<int>(threadIdx.x);
  const int lane = thread & 31;
  const int warp = uniform(thread >> 5);
  const int group = warp / 4;
  const int row_of_lane = warp % 4 * 16 + (lane >> 2);
  const int first_query = static_cast<int>(blockIdx.x) * kRows;
  const uint32_t queries_full = shared_address(barriers);
  const uint32_t query_tile = shared_address(memory);
  // From a shuffle, or the compiler would compute them again wherever it uses them.
  const GroupMemory own{
      uniform(query_tile + kTileBytes + static_cast<uint32_t>(group) * kGroupBytes),
      uniform(queries_full + 8 + 8 * group * GroupMemory::kBarriers)};
  if (thread == 0) {
    prefetch_map(&q.q);
    prefetch_map(&q.k);
    prefetch_map(&q.v);
    start_barrier(queries_full, 1);
  }
  if (thread % kGroupThreads == 0) {
    own.start_barriers();
    publish_barriers();
  }
  __syncthreads();
  // Others write to this block's memory only once it has started.
  if (q.splits_log2 > 0) come_to_cluster();
  wait_for_previous_kernel();

  // Groups of all blocks of the cluster take turns with the blocks of keys.
  const int splits = 1 << q.splits_log2;
  const int step = (kGroups * kRows) << q.splits_log2;
  const int entry = static_cast<int>(blockIdx.z >> q.splits_log2);
  const int split = static_cast<int>(blockIdx.z) & (splits - 1);
  const int first_key = (group * splits + split) * kRows;
  const int blocks = ((p.keys - first_key + step - 1) / (kGroups * kRows)) >> q.splits_log2;
  const auto load = [&](uint32_t tile, uint32_t barrier, const TensorMap& map,
                        const AttentionRows& rows, int first) {
    expect_bytes(barrier, kTileBytes);
    copy_box(tile, &map, barrier, rows.first + static_cast<int>(blockIdx.y) * kWidth,
             q.sequence_first ? entry : first, q.sequence_first ? first : entry);
  };
  const auto load_keys = [&](int first, int stage) {
    load(own.keys(stage), own.keys_full(stage), q.k, p.k_rows, first);
  };
  const auto load_values = [&](int first, int stage) {
    load(own.values(stage), own.values_full(stage), q.v, p.v_rows, first);
  };
  if (thread % kGroupThreads == 0) {
    if (group == 0) load(query_tile, queries_full, q.q, p.q_rows, first_query);
    const int early = blocks < kGroupedStages ? blocks : kGroupedStages;
#pragma unroll 1
    for (int i = 0; i <= early; ++i) {
      if (i < early) load_keys(first_key + i * step, i);
      if (i > 0) load_values(first_key + (i - 1) * step, i - 1);
    }
  }
  __syncwarp();

  uint32_t queries[4][4];
  wait_for_phase(queries_full, 0);
#pragma unroll
  for (int step = 0; step < 4; ++step) {
    const int row = warp % 4 * 16 + (lane & 15);
    const int chunk = step * 2 + (lane >> 4);
    load_matrices(queries[step],
                  query_tile + static_cast<uint32_t>(row) * kRowBytes + ((chunk ^ (row & 7)) << 4));
  }

  float result[8][4] = {};
  Softmax softmax;
  softmax.scale = p.scale * kLog2E;
  if (blocks > 0) {
    float scores[8][4];
    uint32_t weights[4][4];
    const uint64_t first_keys = matrix_at(own.keys(0), kEightRows);
    const uint64_t first_values = matrix_at(own.values(0), kEightRows);
    const auto wait_for_keys = [&](const Place& place) {
      wait_for_phase(own.keys_full(place.stage), place.parity);
    };
    const auto start_scores = [&](const Place& place) {
      const uint64_t keys = first_keys + static_cast<uint32_t>(place.stage) * (kStageBytes >> 4);
      start_products();
      multiply_group_columns<true>(scores, queries[0], keys);
#pragma unroll
      for (int step = 1; step < 4; ++step) {
        multiply_group_columns<false>(scores, queries[step], keys + 2 * step);
      }
      commit_products();
    };
    const auto start_values = [&](const Place& place) {
      wait_for_phase(own.values_full(place.stage), place.parity);
      const uint64_t values =
          first_values + static_cast<uint32_t>(place.stage) * (kStageBytes >> 4);
      start_products();
#pragma unroll
      for (int step = 0; step < 4; ++step) {
        multiply_group_rows(result, weights[step], values + step * (2 * kEightRows >> 4));
      }
      commit_products();
    };
    Place place;
    settle(result);
    wait_for_keys(place);
    start_scores(place);
    wait_for_products<0>(scores);
#pragma unroll 1
    for (int block = 0, first = first_key;; ++block, first += step) {
      // Products with the values of the block before go on meanwhile.
      wait_for_products<1>(scores);
      const int left = p.keys - first;
      if (left < kRows) {
        const int own_left = left - (lane & 3) * 2;
#pragma unroll
        for (int j = 0; j < 8; ++j) {
#pragma unroll
          for (int e = 0; e < 4; ++e) {
            if (j * 8 + (e & 1) >= own_left) scores[j][e] = -INFINITY;
          }
        }
      }
      softmax.weigh(scores);
      settle(scores);
      const Place current = place;
      place.advance();
      // Here also because it keeps the compiler from waiting for products before all this.
      const bool last = block + 1 == blocks;
      if (!last) wait_for_keys(place);
      wait_for_products<0>(result);
      const bool loads_more = block + kGroupedStages - 1 < blocks;
      arrive_if(own.used(), loads_more && lane == 0);
      softmax.rescale(result);
      pack_weights(weights, scores);
      if (last) {
        start_values(current);
        break;
      }
      start_scores(place);
      start_values(current);
      if (loads_more && warp % 4 == 0) {
        wait_for_phase(own.used(), block & 1);
        if (lane == 0) {
          if (block + kGroupedStages < blocks) {
            load_keys(first + kGroupedStages * step, current.stage);
          }
          // The last stage's first values are on their way already.
          if (block > 0) {
            load_values(first + (kGroupedStages - 1) * step,
                        current.stage == 0 ? kGroupedStages - 1 : current.stage - 1);
          }
        }
        __syncwarp();
      }
    }
    wait_for_products<0>(result);
  }

  // Other warps of the group may still read the tiles.
  meet_threads(group + 1, kGroupThreads);
  auto* const parts = reinterpret_cast<float*>(memory + kTileBytes);
  constexpr int kPartStep = static_cast<int>(kGroupBytes / sizeof(float));
#pragma unroll
  for (int row = 0; row < 2; ++row) {
    float sum = softmax.sums[row];
    sum += __shfl_xor_sync(0xffffffffu, sum, 1);
    sum += __shfl_xor_sync(0xffffffffu, sum, 2);
    if ((lane & 3) == 0) {
      terms[group][row_of_lane + row * 8] = make_float2(softmax.references[row], sum);
    }
#pragma unroll
    for (int j = 0; j < 8; ++j) {
      float* const to = parts + group * kPartStep + (row_of_lane + row * 8) * kPitch +
                        place_of_piece(j * 2 + (lane >> 1 & 1)) + (lane & 1) * 2;
      *reinterpret_cast<float2*>(to) = make_float2(result[j][row * 2], result[j][row * 2 + 1]);
    }
  }
  __syncthreads();

  // Every thread joins eight columns of a row.
  const int chunk = thread % 8;
  int row = thread / 8;
  Joined joined;
  joined.join<kGroups>(
      kGroups, softmax.scale, [&](int g) { return terms[g][row]; },
      [&](int g, int half) {
        return parts + g * kPartStep + row * kPitch + place_of_piece(chunk * 2 + half);
      });
  if (splits > 1) {
    const int own_rows = kRows >> q.splits_log2;
    unsigned char* const got = memory + kTileBytes + kGroups * kGroupBytes;
    const auto* const got_sums = reinterpret_cast<const float*>(got);
    const auto* const got_terms = reinterpret_cast<const Terms*>(got + kGroupedSums);
    const int to = split * own_rows + (row & (own_rows - 1));
    const int owner = (row << q.splits_log2) / kRows;
    const uint32_t there = address_in_block(shared_address(got), owner);
    wait_for_cluster();
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const float(&values)[8] = joined.values;
      store_to_block(there + 4 * (to * kWidth + place_of_piece(chunk * 2 + half)),
                     make_float4(values[half * 4], values[half * 4 + 1], values[half * 4 + 2],
                                 values[half * 4 + 3]));
    }
    if (chunk == 0) store_to_block(there + kGroupedSums + 8 * to, joined.terms);
    meet_cluster();
    if (row >= own_rows) return;
    joined = {};
    joined.join<kGroupedMostSplits>(
        splits, softmax.scale, [&](int i) { return got_terms[i * own_rows + row]; },
        [&](int i, int half) {
          return got_sums + (i * own_rows + row) * kWidth + place_of_piece(chunk * 2 + half);
        });
    row += split * own_rows;
  }
  const int query = first_query + row;
  if (query >= p.queries) return;
  const float inverse = __fdividef(1.0f, joined.terms.y);
  uint32_t packed[4];
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    packed[i] = pack_halves(joined.values[i * 2] * inverse, joined.values[i * 2 + 1] * inverse);
  }
  Half* const y = static_cast<Half*>(p.y) + entry * p.y_rows.batch_step + p.y_rows.first +
                  static_cast<long long>(query) * p.y_rows.step + blockIdx.y * kWidth + chunk * 8;
  *reinterpret_cast<uint4*>(y) = make_uint4(packed[0], packed[1], packed[2], packed[3]);
}

}  // namespace
#endif

// Other architectures have no such instructions and therefore no row for it.
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
#define TENDON_ATTENTION_BODY attend(p)
#else
#define TENDON_ATTENTION_BODY
#endif
#define TENDON_ATTENTION(NAME)                                                              \
  extern "C" __global__ void __launch_bounds__(kHalfGroups * 128, 1)                        \
      attention_grouped_##NAME##_64(const __grid_constant__ GroupedAttentionParameters p) { \
    TENDON_ATTENTION_BODY;                                                                  \
  }
TENDON_WITH(TENDON_ATTENTION, TENDON_HALF)

}  // namespace tendon::cuda
