// Matrix products of any shape, one thread for each element of the result, or where those are few
// one warp, or a block for each row.
#include "device_math.cuh"
#include "product_parameters.h"

namespace tendon::cuda {
namespace {

template <class T, int kLanes>
__device__ __forceinline__ void multiply(const ProductParameters& p) {
  wait_for_previous_kernel();
  const long long i = (static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x) / kLanes;
  if (i >= static_cast<long long>(p.batch) * p.m * p.n) return;
  const int column = static_cast<int>(i % p.n);
  const int row = static_cast<int>(i / p.n % p.m);
  const int batch = static_cast<int>(i / p.n / p.m);
  const T* const a =
      static_cast<const T*>(p.a) + batch * p.a_batch_step + static_cast<long long>(row) * p.k;
  const T* const b = static_cast<const T*>(p.b) + batch * p.b_batch_step +
                     static_cast<long long>(column) * p.b_n_step;
  const int lane = static_cast<int>(threadIdx.x) % kLanes;
  float sum = 0.0f;
#pragma unroll 8
  for (int k = lane; k < p.k; k += kLanes) {
    sum += to_float(a[k]) * to_float(b[static_cast<long long>(k) * p.b_k_step]);
  }
#pragma unroll
  for (int step = kLanes / 2; step > 0; step /= 2) {
    sum += __shfl_xor_sync(0xffffffffu, sum, step);
  }
  if (lane > 0) return;
  sum *= p.alpha;
  if (p.bias != nullptr) {
    sum += to_float(static_cast<const T*>(
        p.bias)[batch * p.bias_batch_step + static_cast<long long>(row) * p.bias_row_step +
                column * p.bias_column_step]);
  }
  if (p.residual != nullptr) {
    sum += to_float(static_cast<const T*>(p.residual)[i / p.n * p.residual_row_step + column]);
  }
  static_cast<T*>(p.y)[i] = from_float<T>(activate(sum, p.activation));
}

/// A row of few results by a block: threads share k, and then the results.
template <class T>
__device__ __forceinline__ void multiply_row(const ProductParameters& p) {
  constexpr int kThreads = kRowThreads;
  constexpr int kShare = kThreads / kRowColumns;  // threads that add up one result
  extern __shared__ float parts[];                // kRowPitch for each column
  const int thread = static_cast<int>(threadIdx.x);
  const int row = static_cast<int>(blockIdx.x) % p.m;
  const int batch = static_cast<int>(blockIdx.x) / p.m;
  wait_for_previous_kernel();
  const T* const a =
      static_cast<const T*>(p.a) + batch * p.a_batch_step + static_cast<long long>(row) * p.k;
  const T* const b = static_cast<const T*>(p.b) + batch * p.b_batch_step;
  float sums[kRowColumns] = {};
#pragma unroll 4
  for (int k = thread; k < p.k; k += kThreads) {
    const float factor = to_float(a[k]);
    const T* const others = b + static_cast<long long>(k) * p.b_k_step;
#pragma unroll
    for (int n = 0; n < kRowColumns; ++n) {
      if (n < p.n) sums[n] = fmaf(factor, to_float(others[n * p.b_n_step]), sums[n]);
    }
  }
#pragma unroll
  for (int n = 0; n < kRowColumns; ++n) parts[n * kRowPitch + thread] = sums[n];
  __syncthreads();
  const int column = thread / kShare;
  float sum = 0.0f;
#pragma unroll
  for (int i = 0; i < kThreads / kShare; ++i) {
    sum += parts[column * kRowPitch + thread % kShare + i * kShare];
  }
#pragma unroll
  for (int step = kShare / 2; step > 0; step /= 2) {
    sum += __shfl_xor_sync(0xffffffffu, sum, step);
  }
  if (thread % kShare > 0 || column >= p.n) return;
  const long long at = static_cast<long long>(blockIdx.x) * p.n + column;
  sum *= p.alpha;
  if (p.bias != nullptr) {
    sum += to_float(static_cast<const T*>(
        p.bias)[batch * p.bias_batch_step + static_cast<long long>(row) * p.bias_row_step +
                column * p.bias_column_step]);
  }
  if (p.residual != nullptr) {
    const long long first = static_cast<long long>(blockIdx.x) * p.residual_row_step;
    sum += to_float(static_cast<const T*>(p.residual)[first + column]);
  }
  static_cast<T*>(p.y)[at] = from_float<T>(activate(sum, p.activation));
}

}  // namespace

#define TENDON_PRODUCTS(NAME, TYPE)                                                        \
  extern "C" __global__ void __launch_bounds__(kRowThreads)                                \
      row_##NAME(const __grid_constant__ ProductParameters p) {                            \
    multiply_row<TYPE>(p);                                                                 \
  }                                                                                        \
  extern "C" __global__ void product_##NAME(const __grid_constant__ ProductParameters p) { \
    multiply<TYPE, 1>(p);                                                                  \
  }                                                                                        \
  extern "C" __global__ void dot_##NAME(const __grid_constant__ ProductParameters p) {     \
    multiply<TYPE, 32>(p);                                                                 \
  }
TENDON_WITH(TENDON_PRODUCTS, TENDON_HALF, Half)
#ifndef TENDON_BFLOAT16
TENDON_PRODUCTS(f32, float)
#endif

}  // namespace tendon::cuda
