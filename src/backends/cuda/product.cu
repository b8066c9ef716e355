// Matrix products of any shape, one thread for each element of the result, or one warp where those
// are few.
#include "device_math.cuh"
#include "product_parameters.h"

namespace tendon::cuda {
namespace {

template <class T, int kLanes>
__device__ __forceinline__ void multiply(const ProductParameters& p) {
  wait_for_previous_kernel();
  const long long i =
      (static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x) / kLanes;
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
  if (p.residual != nullptr) sum += to_float(static_cast<const T*>(p.residual)[i]);
  static_cast<T*>(p.y)[i] = from_float<T>(activate(sum, p.activation));
}

}  // namespace

extern "C" __global__ void product_f16(const __grid_constant__ ProductParameters p) {
  multiply<__half, 1>(p);
}
extern "C" __global__ void product_f32(const __grid_constant__ ProductParameters p) {
  multiply<float, 1>(p);
}
extern "C" __global__ void dot_f16(const __grid_constant__ ProductParameters p) {
  multiply<__half, 32>(p);
}
extern "C" __global__ void dot_f32(const __grid_constant__ ProductParameters p) {
  multiply<float, 32>(p);
}

}  // namespace tendon::cuda
