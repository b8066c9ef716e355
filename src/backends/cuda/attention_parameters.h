// What the kernels of attention.cu are given; read by host and device.
#pragma once

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

/// Groups of four warps that share the keys, with float16 and with float32.
inline constexpr int kHalfGroups = 4;
inline constexpr int kFloatGroups = 2;

}  // namespace tendon::cuda
