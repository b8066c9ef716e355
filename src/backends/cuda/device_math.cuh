// Loads, matrix instructions and conversions that the kernels share.
#pragma once

#include <cstdint>

#include "half.cuh"

namespace tendon::cuda {

/// With programmatic launch a kernel starts while its predecessor ends; nothing that another kernel
/// wrote may be read before wait_for_previous_kernel, and every kernel must call it before it
/// writes. The next one may start after it, or, where this one's inputs are not pending, at once:
/// what a kernel may read before it waits itself, KernelArguments::inputs_pending says.
__device__ __forceinline__ void let_next_kernel_start() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}
__device__ __forceinline__ void wait_for_previous_kernel() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
  let_next_kernel_start();
}

/// Of a kernel that reads its inputs at once unless they are pending (KernelArguments): before it
/// reads, and before it writes.
__device__ __forceinline__ void wait_to_read(bool inputs_pending) {
  if (inputs_pending) {
    wait_for_previous_kernel();
  } else {
    let_next_kernel_start();
  }
}
__device__ __forceinline__ void wait_to_write(bool inputs_pending) {
  if (!inputs_pending) wait_for_previous_kernel();
}

__device__ __forceinline__ uint32_t shared_address(const void* pointer) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(pointer));
}

/// 16 bytes from global to shared memory; zeros where `valid` is false.
__device__ __forceinline__ void copy_async(uint32_t target, const void* source, bool valid) {
  const int bytes = valid ? 16 : 0;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(target), "l"(source),
               "r"(bytes)
               : "memory");
}
__device__ __forceinline__ void commit_copies() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}
template <int kPending>
__device__ __forceinline__ void wait_for_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
}

/// 2^x; a few of the last bits are off, and results below 2^-126 are zero.
__device__ __forceinline__ float power_of_two(float x) {
  float result;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
  return result;
}

__device__ __forceinline__ void load_matrices(uint32_t (&d)[4], uint32_t address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3])
               : "r"(address));
}
__device__ __forceinline__ void load_matrices_transposed(uint32_t (&d)[4], uint32_t address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3])
               : "r"(address));
}

__device__ __forceinline__ void multiply_half(float (&c)[4], const uint32_t (&a)[4], uint32_t b0,
                                              uint32_t b1) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32." TENDON_HALF_FACTORS
               ".f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
               "{%0,%1,%2,%3};"
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
__device__ __forceinline__ void multiply_tf32(float (&c)[4], const uint32_t (&a)[4], uint32_t b0,
                                              uint32_t b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
template <bool kSigned>
__device__ __forceinline__ void multiply_codes(int (&c)[4], const uint32_t (&a)[4], uint32_t b0,
                                               uint32_t b1) {
  if constexpr (kSigned) {
    asm volatile(
        "mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
        "{%0,%1,%2,%3};"
        : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  } else {
    asm volatile(
        "mma.sync.aligned.m16n8k32.row.col.s32.u8.s8.s32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
        "{%0,%1,%2,%3};"
        : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  }
}
__device__ __forceinline__ uint32_t tf32_from_float(float x) {
  uint32_t result;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(result) : "f"(x));
  return result;
}

/// How the elements of a product are multiplied, and what their sums are. Fragments are what
/// load_matrices gives: 32 bytes along k.
struct HalfArithmetic {
  using Element = Half;
  using Sum = float;
  struct A {
    uint32_t value[4];
  };
  struct B {
    uint32_t value[2];
  };
  static __device__ __forceinline__ A prepare_a(const uint32_t (&a)[4]) {
    return {{a[0], a[1], a[2], a[3]}};
  }
  static __device__ __forceinline__ B prepare_b(uint32_t b0, uint32_t b1) { return {{b0, b1}}; }
  static __device__ __forceinline__ void multiply(float (&c)[4], const A& a, const B& b) {
    multiply_half(c, a.value, b.value[0], b.value[1]);
  }
};

/// Codes of a, unsigned or signed, by signed ones.
template <bool kSigned>
struct CodeArithmetic {
  using Element = unsigned char;
  using Sum = int;
  struct A {
    uint32_t value[4];
  };
  struct B {
    uint32_t value[2];
  };
  static __device__ __forceinline__ A prepare_a(const uint32_t (&a)[4]) {
    return {{a[0], a[1], a[2], a[3]}};
  }
  static __device__ __forceinline__ B prepare_b(uint32_t b0, uint32_t b1) { return {{b0, b1}}; }
  static __device__ __forceinline__ void multiply(int (&c)[4], const A& a, const B& b) {
    multiply_codes<kSigned>(c, a.value, b.value[0], b.value[1]);
  }
};

struct Tf32Arithmetic {
  using Element = float;
  using Sum = float;
  struct A {
    uint32_t value[4];
  };
  struct B {
    uint32_t value[2];
  };
  static __device__ __forceinline__ A prepare_a(const uint32_t (&a)[4]) {
    A result;
    for (int i = 0; i < 4; ++i) result.value[i] = tf32_from_float(__uint_as_float(a[i]));
    return result;
  }
  static __device__ __forceinline__ B prepare_b(uint32_t b0, uint32_t b1) {
    return {{tf32_from_float(__uint_as_float(b0)), tf32_from_float(__uint_as_float(b1))}};
  }
  static __device__ __forceinline__ void multiply(float (&c)[4], const A& a, const B& b) {
    multiply_tf32(c, a.value, b.value[0], b.value[1]);
  }
};

/// float32 as the sum of two TF32 numbers; the product of the two small ones is left out.
struct FloatArithmetic {
  using Element = float;
  using Sum = float;
  struct A {
    uint32_t large[4], small[4];
  };
  struct B {
    uint32_t large[2], small[2];
  };
  static __device__ __forceinline__ void split(uint32_t bits, uint32_t& large, uint32_t& small) {
    const float x = __uint_as_float(bits);
    large = tf32_from_float(x);
    small = tf32_from_float(x - __uint_as_float(large));
  }
  static __device__ __forceinline__ A prepare_a(const uint32_t (&a)[4]) {
    A result;
    for (int i = 0; i < 4; ++i) split(a[i], result.large[i], result.small[i]);
    return result;
  }
  static __device__ __forceinline__ B prepare_b(uint32_t b0, uint32_t b1) {
    B result;
    split(b0, result.large[0], result.small[0]);
    split(b1, result.large[1], result.small[1]);
    return result;
  }
  static __device__ __forceinline__ void multiply(float (&c)[4], const A& a, const B& b) {
    multiply_tf32(c, a.small, b.large[0], b.large[1]);
    multiply_tf32(c, a.large, b.small[0], b.small[1]);
    multiply_tf32(c, a.large, b.large[0], b.large[1]);
  }
};

/// 16 bytes of elements.
template <class T>
struct Pack {
  static constexpr int kCount = 16 / static_cast<int>(sizeof(T));
  alignas(16) T values[kCount];
};
template <class T>
__device__ __forceinline__ Pack<T> load_pack(const T* source) {
  Pack<T> pack;
  *reinterpret_cast<uint4*>(pack.values) = *reinterpret_cast<const uint4*>(source);
  return pack;
}
template <class T>
__device__ __forceinline__ void store_pack(T* target, const Pack<T>& pack) {
  *reinterpret_cast<uint4*>(target) = *reinterpret_cast<const uint4*>(pack.values);
}

__device__ __forceinline__ float to_float(float x) { return x; }
__device__ __forceinline__ float to_float(unsigned char x) { return static_cast<float>(x); }
__device__ __forceinline__ float to_float(signed char x) { return static_cast<float>(x); }
template <class T>
__device__ __forceinline__ T from_float(float x) {
  return static_cast<T>(x);
}
template <>
__device__ __forceinline__ Half from_float<Half>(float x) {
  return half_of(x);
}

/// In every lane, in one order.
__device__ __forceinline__ float sum_of_warp(float x) {
#pragma unroll
  for (int step = 16; step > 0; step /= 2) x += __shfl_xor_sync(0xffffffffu, x, step);
  return x;
}

/// Out of line: unrolled loops would repeat it for every element.
static __device__ __noinline__ float gelu(float x) {
  return 0.5f * x * (1.0f + erff(x * 0.70710678118654752f));
}

/// tendon::Activation.
__device__ __forceinline__ float activate(float x, int activation) {
  if (activation == 1) return x <= 0.0f ? 0.0f : x;
  if (activation == 2) return gelu(x);
  return x;
}
/// The same for several values, with one decision.
template <int kCount>
__device__ __forceinline__ void activate_all(float (&values)[kCount], int activation) {
  if (activation == 1) {
#pragma unroll
    for (int e = 0; e < kCount; ++e) values[e] = values[e] <= 0.0f ? 0.0f : values[e];
  } else if (activation == 2) {
#pragma unroll
    for (int e = 0; e < kCount; ++e) values[e] = gelu(values[e]);
  }
}

}  // namespace tendon::cuda
