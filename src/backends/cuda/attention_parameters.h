// What the kernels of attention.cu and attention_grouped.cu are given; read by host and device.
#pragma once

#include "backends/cuda/tensor_map.h"

namespace tendon::cuda {

/// Rows of one tensor: from one to the next, from one batch entry to the next, and the first
/// column, in elements.
struct AttentionRows {
  int step;
  int first;
  long long batch_step;
};

/// y = softmax(scale * q k^T) v for each batch entry and head; a head's columns are next to each
/// other.
struct AttentionParameters {
  const void* q;
  const void* k;
  const void* v;
  void* y;
  int queries, keys, heads;
  AttentionRows q_rows, k_rows, v_rows, y_rows;
  float scale;
};

/// With maps of q, k and v, where they lie.
struct GroupedAttentionParameters {
  TensorMap q, k, v;
  AttentionParameters of;
  bool sequence_first;  ///< the maps' axes are columns, batch entries, rows; else the last two swap
  int splits_log2;      ///< 0, 1 or 2: as many blocks of a cluster share the keys
};

/// log2(e): kernels compute powers of two.
inline constexpr float kLog2E = 1.44269504089f;

/// Groups of four warps that share the keys, with float16 and with float32.
inline constexpr int kHalfGroups = 4;
inline constexpr int kFloatGroups = 2;
/// Tiles of keys and of values that a group of attention_grouped.cu has in flight.
inline constexpr int kGroupedStages = 3;
inline constexpr unsigned kGroupedMostSplits = 4;
/// Of shared memory, behind the tiles, where keys are shared between blocks: what a block gets of
/// its rows' results, and what those refer to.
inline constexpr int kGroupedSums = 64 * 64 * 4;
inline constexpr int kGroupedTerms = 64 * 8;

}  // namespace tendon::cuda
