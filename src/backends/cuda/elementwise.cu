// Elementwise functions of one or two tensors, and conversions between element types.
#include "device_math.cuh"
#include "elementwise_parameters.h"

namespace tendon::cuda {
namespace {

/// Out of line: unrolled loops would repeat it for every element.
__device__ __noinline__ float power(float a, float b) { return powf(a, b); }

/// tendon::BinaryKind.
__device__ __forceinline__ float combine(float a, float b, int kind) {
  switch (kind) {
    case 0: return a + b;
    case 1: return a - b;
    case 2: return a * b;
    case 3: return a / b;
    case 4: return power(a, b);
    default: return a < 0.0f ? a * b : a;
  }
}

/// tendon::UnaryKind, the kinds that the host offers.
__device__ __forceinline__ float transform(float x, int kind) {
  switch (kind) {
    case 0: return activate(x, 1);
    case 1: return sqrtf(x);
    case 2: return expf(x);
    case 3: return erff(x);
    case 4: return -x;
    case 5: return 1.0f / (1.0f + expf(-x));
    case 6: return tanhf(x);
    case 7: return sinf(x);
    case 8: return cosf(x);
    case 9: return activate(x, 2);
    default: return fabsf(x);
  }
}

template <class T>
__device__ __forceinline__ void run_binary(const ElementwiseParameters& p) {
  wait_for_previous_kernel();
  const auto* const a = static_cast<const T*>(p.a);
  const auto* const b = static_cast<const T*>(p.b);
  const long long step = static_cast<long long>(gridDim.x) * blockDim.x;
  for (long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x; i < p.count;
       i += step) {
    unsigned rest = static_cast<unsigned>(i);
    int at_a = 0;
    int at_b = 0;
#pragma unroll
    for (int axis = kElementwiseAxes - 1; axis >= 0; --axis) {
      if (p.sizes[axis] == 1) continue;
      const unsigned size = static_cast<unsigned>(p.sizes[axis]);
      const int place = static_cast<int>(rest % size);
      rest /= size;
      at_a += place * p.a_steps[axis];
      at_b += place * p.b_steps[axis];
    }
    static_cast<T*>(p.y)[i] = from_float<T>(combine(to_float(a[at_a]), to_float(b[at_b]), p.kind));
  }
}

/// Operands as large as y, of whole packs.
template <class T>
__device__ __forceinline__ void run_binary_packed(const ElementwiseParameters& p) {
  wait_for_previous_kernel();
  constexpr int kCount = Pack<T>::kCount;
  const long long i = (static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x) * kCount;
  if (i >= p.count) return;
  const Pack<T> a = load_pack(static_cast<const T*>(p.a) + i);
  const Pack<T> b = load_pack(static_cast<const T*>(p.b) + i);
  Pack<T> y;
#pragma unroll
  for (int e = 0; e < kCount; ++e) {
    y.values[e] = from_float<T>(combine(to_float(a.values[e]), to_float(b.values[e]), p.kind));
  }
  store_pack(static_cast<T*>(p.y) + i, y);
}

/// a as large as y; b is the same for the whole innermost axis, which is of whole packs.
template <class T>
__device__ __forceinline__ void run_binary_runs(const ElementwiseParameters& p) {
  wait_for_previous_kernel();
  constexpr int kCount = Pack<T>::kCount;
  const long long i = (static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x) * kCount;
  if (i >= p.count) return;
  unsigned rest = static_cast<unsigned>(i) / static_cast<unsigned>(p.sizes[kElementwiseAxes - 1]);
  int at_b = 0;
#pragma unroll
  for (int axis = kElementwiseAxes - 2; axis >= 0; --axis) {
    const unsigned size = static_cast<unsigned>(p.sizes[axis]);
    at_b += static_cast<int>(rest % size) * p.b_steps[axis];
    rest /= size;
  }
  const Pack<T> a = load_pack(static_cast<const T*>(p.a) + i);
  const float b = to_float(static_cast<const T*>(p.b)[at_b]);
  Pack<T> y;
#pragma unroll
  for (int e = 0; e < kCount; ++e) {
    y.values[e] = from_float<T>(combine(to_float(a.values[e]), b, p.kind));
  }
  store_pack(static_cast<T*>(p.y) + i, y);
}

template <class T>
__device__ __forceinline__ void run_unary(const ElementwiseParameters& p) {
  wait_for_previous_kernel();
  const long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= p.count) return;
  static_cast<T*>(p.y)[i] =
      from_float<T>(transform(to_float(static_cast<const T*>(p.a)[i]), p.kind));
}

/// A few neighbours a thread.
template <class From, class To>
__device__ __forceinline__ void convert(const ElementwiseParameters& p) {
  wait_for_previous_kernel();
  const long long first =
      (static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x) * kConvertedAtOnce;
  const auto* const from = static_cast<const From*>(p.a);
  auto* const to = static_cast<To*>(p.y);
  struct alignas(sizeof(From) * kConvertedAtOnce) Read {
    From values[kConvertedAtOnce];
  };
  struct alignas(sizeof(To) * kConvertedAtOnce) Written {
    To values[kConvertedAtOnce];
  };
  if (first + kConvertedAtOnce <= p.count) {
    const Read read = *reinterpret_cast<const Read*>(from + first);
    Written written;
#pragma unroll
    for (int e = 0; e < kConvertedAtOnce; ++e) {
      written.values[e] = from_float<To>(to_float(read.values[e]));
    }
    *reinterpret_cast<Written*>(to + first) = written;
    return;
  }
  for (long long i = first; i < p.count; ++i) to[i] = from_float<To>(to_float(from[i]));
}

}  // namespace

#define TENDON_ELEMENTWISE(NAME, FUNCTION, ...)                                      \
  extern "C" __global__ void NAME(const __grid_constant__ ElementwiseParameters p) { \
    FUNCTION<__VA_ARGS__>(p);                                                        \
  }
#define TENDON_ELEMENTWISES(NAME, TYPE)                             \
  TENDON_ELEMENTWISE(binary_##NAME, run_binary, TYPE)               \
  TENDON_ELEMENTWISE(binary_packed_##NAME, run_binary_packed, TYPE) \
  TENDON_ELEMENTWISE(binary_runs_##NAME, run_binary_runs, TYPE)     \
  TENDON_ELEMENTWISE(unary_##NAME, run_unary, TYPE)                 \
  TENDON_ELEMENTWISE(cast_u8_##NAME, convert, unsigned char, TYPE)
#define TENDON_CASTS(NAME)                                  \
  TENDON_ELEMENTWISE(cast_f32_##NAME, convert, float, Half) \
  TENDON_ELEMENTWISE(cast_##NAME##_f32, convert, Half, float)

TENDON_WITH(TENDON_ELEMENTWISES, TENDON_HALF, Half)
TENDON_WITH(TENDON_CASTS, TENDON_HALF)
#ifndef TENDON_BFLOAT16
TENDON_ELEMENTWISES(f32, float)
#endif

}  // namespace tendon::cuda
