// The 16-bit floating type of an image: float16, or bfloat16 in the images whose names end in
// _bf16. The build makes both of every source in which TENDON_HALF occurs; what has nothing to do
// with that type is left out of the second by TENDON_BFLOAT16.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>

/// TENDON_WITH(MACRO, TENDON_HALF, …): MACRO may paste the type's name into that of a kernel.
#define TENDON_WITH(MACRO, ...) MACRO(__VA_ARGS__)
#ifdef TENDON_BFLOAT16
#define TENDON_HALF bf16
#define TENDON_HALF_FACTORS "bf16.bf16"  // of the instructions that multiply
#else
#define TENDON_HALF f16
#define TENDON_HALF_FACTORS "f16.f16"
#endif

namespace tendon::cuda {

#ifdef TENDON_BFLOAT16
using Half = __nv_bfloat16;
using Half2 = __nv_bfloat162;
__device__ __forceinline__ float to_float(Half x) { return __bfloat162float(x); }
__device__ __forceinline__ Half half_of(float x) { return __float2bfloat16_rn(x); }
__device__ __forceinline__ Half2 half2_of(float x) { return __float2bfloat162_rn(x); }
__device__ __forceinline__ Half2 half2_of(float low, float high) {
  return __floats2bfloat162_rn(low, high);
}
__device__ __forceinline__ float2 floats_of(Half2 pair) { return __bfloat1622float2(pair); }
#else
using Half = __half;
using Half2 = __half2;
__device__ __forceinline__ float to_float(Half x) { return __half2float(x); }
__device__ __forceinline__ Half half_of(float x) { return __float2half_rn(x); }
__device__ __forceinline__ Half2 half2_of(float x) { return __float2half2_rn(x); }
__device__ __forceinline__ Half2 half2_of(float low, float high) {
  return __floats2half2_rn(low, high);
}
__device__ __forceinline__ float2 floats_of(Half2 pair) { return __half22float2(pair); }
#endif

__device__ __forceinline__ uint32_t pack_halves(Half2 pair) {
  return *reinterpret_cast<const uint32_t*>(&pair);
}
__device__ __forceinline__ uint32_t pack_halves(float low, float high) {
  return pack_halves(half2_of(low, high));
}
__device__ __forceinline__ float2 unpack_halves(uint32_t bits) {
  return floats_of(*reinterpret_cast<const Half2*>(&bits));
}

}  // namespace tendon::cuda
