// What the kernels of attention.cu are given; read by host and device.
#pragma once

namespace tendon::cuda {

/// y = softmax(scale * q k^T) v for each batch entry and head. Steps in elements; a head's columns
/// are next to each other.
struct AttentionParameters {
  const void* q;
  const void* k;
  const void* v;
  void* y;
  int queries, keys, heads;
  int query_step, key_step;
  long long query_batch_step, key_batch_step;
  float scale;
};

/// Groups of four warps that share the keys, with float16 and with float32.
inline constexpr int kHalfGroups = 4;
inline constexpr int kFloatGroups = 2;

}  // namespace tendon::cuda
