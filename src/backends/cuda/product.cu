// Matrix products of any shape, one thread for each element of the result.
#include "device_math.cuh"
#include "product_parameters.h"

namespace tendon::cuda {
namespace {

template <class T>
__device__ __forceinline__ void multiply(const ProductParameters& p) {
  wait_for_previous_kernel();
  const long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= static_cast<long long>(p.batch) * p.m * p.n) return;
  const int column = static_cast<int>(i % p.n);
  const int row = static_cast<int>(i / p.n % p.m);
  const int batch = static_cast<int>(i / p.n / p.m);
  const T* const a =
      static_cast<const T*>(p.a) + batch * p.a_batch_step + static_cast<long long>(row) * p.k;
  const T* const b = static_cast<const T*>(p.b) + batch * p.b_batch_step +
                     static_cast<long long>(column) * p.b_n_step;
  float sum = 0.0f;
  for (int k = 0; k < p.k; ++k) {
    sum += to_float(a[k]) * to_float(b[static_cast<long long>(k) * p.b_k_step]);
  }
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
  multiply<__half>(p);
}
extern "C" __global__ void product_f32(const __grid_constant__ ProductParameters p) {
  multiply<float>(p);
}

}  // namespace tendon::cuda
