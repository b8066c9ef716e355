// Max-pooling over channels-last images, 16 bytes of channels for each thread.
#include "codes.cuh"
#include "device_math.cuh"
#include "pool_parameters.h"

namespace tendon::cuda {
namespace {

/// With kCodes, floats of which the maxima become codes.
template <class T, bool kCodes = false>
__device__ __forceinline__ void max_pool(const MaxPoolParameters& p) {
  wait_for_previous_kernel();
  constexpr int kCount = Pack<T>::kCount;
  const int packs = p.channels / kCount;
  const long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
  const int pack = static_cast<int>(i % packs);
  const int point = static_cast<int>(i / packs);
  const int out_x = point % p.out_width;
  const int out_y = point / p.out_width % p.out_height;
  const int image = point / p.out_width / p.out_height;
  if (image >= p.batch) return;
  float largest[kCount];
#pragma unroll
  for (int e = 0; e < kCount; ++e) largest[e] = -INFINITY;
  for (int ky = 0; ky < p.kernel_h; ++ky) {
    const int y = out_y * p.stride_h - p.pad_h + ky * p.dilation_h;
    if (static_cast<unsigned>(y) >= static_cast<unsigned>(p.height)) continue;
    for (int kx = 0; kx < p.kernel_w; ++kx) {
      const int x = out_x * p.stride_w - p.pad_w + kx * p.dilation_w;
      if (static_cast<unsigned>(x) >= static_cast<unsigned>(p.width)) continue;
      const Pack<T> found =
          load_pack(static_cast<const T*>(p.x) +
                    (static_cast<long long>(image * p.height + y) * p.width + x) * p.channels +
                    pack * kCount);
#pragma unroll
      for (int e = 0; e < kCount; ++e) {
        const float value = to_float(found.values[e]);
        if (value > largest[e] || value != value) largest[e] = value;
      }
    }
  }
  if constexpr (kCodes) {
    const float s = p.codes_per_unit;
#pragma unroll
    for (int e = 0; e < kCount; e += 4) {
      *reinterpret_cast<uint32_t*>(static_cast<unsigned char*>(p.y) + i * kCount + e) =
          four_codes(largest[e] * s, largest[e + 1] * s, largest[e + 2] * s, largest[e + 3] * s,
                     p.codes_signed);
    }
  } else {
    Pack<T> result;
#pragma unroll
    for (int e = 0; e < kCount; ++e) result.values[e] = from_float<T>(largest[e]);
    store_pack(static_cast<T*>(p.y) + i * kCount, result);
  }
}

}  // namespace

#define TENDON_MAX_POOL(KERNEL, ...)                                               \
  extern "C" __global__ void KERNEL(const __grid_constant__ MaxPoolParameters p) { \
    max_pool<__VA_ARGS__>(p);                                                      \
  }
#define TENDON_MAX_POOLS(NAME, TYPE)     \
  TENDON_MAX_POOL(max_pool_##NAME, TYPE) \
  TENDON_MAX_POOL(max_pool_##NAME##_codes, TYPE, true)
TENDON_WITH(TENDON_MAX_POOLS, TENDON_HALF, Half)
#ifndef TENDON_BFLOAT16
TENDON_MAX_POOLS(f32, float)
TENDON_MAX_POOL(max_pool_u8, unsigned char)
TENDON_MAX_POOL(max_pool_s8, signed char)
#endif

}  // namespace tendon::cuda
