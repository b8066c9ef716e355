// Rounding to 8-bit codes by one scale, and back.
#include "codes.cuh"
#include "quantize_parameters.h"

// Floats may be of the type that TENDON_HALF names.
namespace tendon::cuda {
namespace {

/// `factor(value)` is what is stored.
template <class Factor>
__device__ __forceinline__ void convert(const QuantizeParameters& p, const Factor& factor) {
  wait_for_previous_kernel();
  const long long first = (static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x) * 8;
  if (first >= p.count) return;
  float values[8] = {};
  if (first + 8 <= p.count) {
    add_eight(values, load_eight(p.x, p.x_type, first), p.x_type, 1.0f);
#pragma unroll
    for (int i = 0; i < 8; ++i) values[i] = factor(values[i]);
    store_eight(p.y, p.y_type, first, values, 1.0f);
    return;
  }
  for (long long i = first; i < p.count; ++i) {
    const float value = factor(load_one(p.x, p.x_type, i));
    store_one(p.y, p.y_type, i, value);
  }
}

}  // namespace

extern "C" __global__ void quantize(const __grid_constant__ QuantizeParameters p) {
  convert(p, [&](float x) { return x / p.scale; });
}
extern "C" __global__ void dequantize(const __grid_constant__ QuantizeParameters p) {
  convert(p, [&](float x) { return x * p.scale; });
}

}  // namespace tendon::cuda
