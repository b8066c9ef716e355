// Values in the type that a tensor has at run time, eight at once, and rounding to 8-bit codes.
#pragma once

#include "device_math.cuh"
#include "element_type.h"

namespace tendon::cuda {

/// The nearest code, ties to even; NaN becomes 0.
__device__ __forceinline__ int code_of(float x, bool is_signed) {
  const int code = __float2int_rn(x);
  return is_signed ? min(max(code, -128), 127) : min(max(code, 0), 255);
}

/// Eight elements as they lie in memory: 8 bytes of codes, 16 of float16, 32 of float32.
struct Eight {
  uint4 low, high;
};

/// `first` is a multiple of 8, and the tensor aligned to 16 bytes.
__device__ __forceinline__ Eight load_eight(const void* tensor, ElementType type, long long first) {
  Eight raw{};
  const auto* const bytes = static_cast<const unsigned char*>(tensor);
  if (type == ElementType::kHalf) {
    raw.low = *reinterpret_cast<const uint4*>(bytes + first * 2);
  } else if (type == ElementType::kFloat32) {
    const auto* const from = reinterpret_cast<const uint4*>(bytes + first * 4);
    raw.low = from[0];
    raw.high = from[1];
  } else {
    const uint2 codes = *reinterpret_cast<const uint2*>(bytes + first);
    raw.low.x = codes.x;
    raw.low.y = codes.y;
  }
  return raw;
}

/// sums[i] += factor * value of element i.
__device__ __forceinline__ void add_eight(float (&sums)[8], const Eight& raw, ElementType type,
                                          float factor) {
  const uint32_t words[8] = {raw.low.x,  raw.low.y,  raw.low.z,  raw.low.w,
                             raw.high.x, raw.high.y, raw.high.z, raw.high.w};
  if (type == ElementType::kHalf) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const float2 pair = unpack_halves(words[i]);
      sums[2 * i] = fmaf(factor, pair.x, sums[2 * i]);
      sums[2 * i + 1] = fmaf(factor, pair.y, sums[2 * i + 1]);
    }
  } else if (type == ElementType::kFloat32) {
#pragma unroll
    for (int i = 0; i < 8; ++i) sums[i] = fmaf(factor, __uint_as_float(words[i]), sums[i]);
  } else if (type == ElementType::kUInt8) {
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      const uint32_t code = words[i / 4] >> (i % 4 * 8) & 0xff;
      sums[i] = fmaf(factor, static_cast<float>(code), sums[i]);
    }
  } else {
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      const int code = static_cast<signed char>(words[i / 4] >> (i % 4 * 8) & 0xff);
      sums[i] = fmaf(factor, static_cast<float>(code), sums[i]);
    }
  }
}

__device__ __forceinline__ float load_one(const void* tensor, ElementType type, long long at) {
  switch (type) {
    case ElementType::kFloat32: return static_cast<const float*>(tensor)[at];
    case ElementType::kHalf: return to_float(static_cast<const Half*>(tensor)[at]);
    case ElementType::kInt8: return to_float(static_cast<const signed char*>(tensor)[at]);
    default: return to_float(static_cast<const unsigned char*>(tensor)[at]);
  }
}
/// Of codes, a value that is counted in their scale.
__device__ __forceinline__ void store_one(void* tensor, ElementType type, long long at,
                                          float value) {
  switch (type) {
    case ElementType::kFloat32: static_cast<float*>(tensor)[at] = value; break;
    case ElementType::kHalf: static_cast<Half*>(tensor)[at] = from_float<Half>(value); break;
    default:
      static_cast<unsigned char*>(tensor)[at] =
          static_cast<unsigned char>(code_of(value, type == ElementType::kInt8));
  }
}

/// Four codes of values that are counted in the codes' scale: adding 1.5 * 2^23 leaves the nearest
/// integer, ties to even, in the last byte.
template <bool kSigned>
__device__ __forceinline__ uint32_t four_codes(float a, float b, float c, float d) {
  constexpr float kLeast = kSigned ? -128.0f : 0.0f;
  constexpr float kMost = kSigned ? 127.0f : 255.0f;
  constexpr float kRound = 12582912.0f;
  const auto bits = [](float x) {
    // NaN would become kLeast.
    const float known = kSigned && x != x ? 0.0f : x;
    return __float_as_uint(__fadd_rn(fminf(fmaxf(known, kLeast), kMost), kRound));
  };
  const uint32_t low = __byte_perm(bits(a), bits(b), 0x0040);
  const uint32_t high = __byte_perm(bits(c), bits(d), 0x0040);
  return __byte_perm(low, high, 0x5410);
}
__device__ __forceinline__ uint32_t four_codes(float a, float b, float c, float d, bool is_signed) {
  return is_signed ? four_codes<true>(a, b, c, d) : four_codes<false>(a, b, c, d);
}

__device__ __forceinline__ void store_eight(void* tensor, ElementType type, long long first,
                                            const float (&values)[8], float codes_per_unit) {
  auto* const bytes = static_cast<unsigned char*>(tensor);
  if (type == ElementType::kHalf) {
    uint32_t words[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      words[i] = pack_halves(values[2 * i], values[2 * i + 1]);
    }
    *reinterpret_cast<uint4*>(bytes + first * 2) =
        make_uint4(words[0], words[1], words[2], words[3]);
  } else if (type == ElementType::kFloat32) {
    auto* const to = reinterpret_cast<float4*>(bytes + first * 4);
    to[0] = make_float4(values[0], values[1], values[2], values[3]);
    to[1] = make_float4(values[4], values[5], values[6], values[7]);
  } else {
    const bool is_signed = type == ElementType::kInt8;
    const float s = codes_per_unit;
    *reinterpret_cast<uint2*>(bytes + first) = make_uint2(
        four_codes(values[0] * s, values[1] * s, values[2] * s, values[3] * s, is_signed),
        four_codes(values[4] * s, values[5] * s, values[6] * s, values[7] * s, is_signed));
  }
}

}  // namespace tendon::cuda
