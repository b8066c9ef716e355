// Hopper's own instructions: barriers in shared memory, tensor copies, products of groups of four
// warps.
#pragma once

#include "device_math.cuh"

namespace tendon::cuda {

/// The same number for all threads of a warp, and the compiler knows: descriptors of matrices that
/// follow from it lie in uniform registers, without which every product waits for the one before.
__device__ __forceinline__ int uniform(int value) { return __shfl_sync(0xffffffffu, value, 0); }
__device__ __forceinline__ uint32_t uniform(uint32_t value) {
  return __shfl_sync(0xffffffffu, value, 0);
}

__device__ __forceinline__ void start_barrier(uint32_t barrier, int arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals) : "memory");
}
/// Makes barriers known to the copy engine; a barrier of the block must follow.
__device__ __forceinline__ void publish_barriers() {
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}
/// What this thread wrote to shared memory is seen by the copy engine and the tensor cores.
__device__ __forceinline__ void show_to_copy_engine() {
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}
/// To the nearest TF32 number, in shared memory; with kRest, the nearest to what that leaves is put
/// at `rest`. By `threads` threads, which must meet afterwards.
template <bool kRest>
__device__ __forceinline__ void round_in_place(unsigned char* values, unsigned char* rest,
                                               int bytes, int thread, int threads) {
#pragma unroll 4
  for (int i = thread * 16; i < bytes; i += threads * 16) {
    auto* const pack = reinterpret_cast<uint4*>(values + i);
    const float4 value = *reinterpret_cast<const float4*>(pack);
    const uint4 rounded = make_uint4(tf32_from_float(value.x), tf32_from_float(value.y),
                                     tf32_from_float(value.z), tf32_from_float(value.w));
    *pack = rounded;
    if constexpr (kRest) {
      *reinterpret_cast<uint4*>(rest + i) =
          make_uint4(tf32_from_float(value.x - __uint_as_float(rounded.x)),
                     tf32_from_float(value.y - __uint_as_float(rounded.y)),
                     tf32_from_float(value.z - __uint_as_float(rounded.z)),
                     tf32_from_float(value.w - __uint_as_float(rounded.w)));
    }
  }
  show_to_copy_engine();
}
/// Some of the block's threads meet; `barrier` is one of 1..15.
__device__ __forceinline__ void meet_threads(int barrier, int threads) {
  asm volatile("bar.sync %0, %1;" ::"r"(barrier), "r"(threads) : "memory");
}
__device__ __forceinline__ void expect_bytes(uint32_t barrier, uint32_t bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes)
               : "memory");
}
__device__ __forceinline__ void arrive(uint32_t barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier) : "memory");
}
/// Without a branch, which would make what follows divergent to the compiler.
__device__ __forceinline__ void arrive_if(uint32_t barrier, bool condition) {
  asm volatile(
      "{\n"
      ".reg .pred now;\n"
      "setp.ne.s32 now, %1, 0;\n"
      "@now mbarrier.arrive.shared::cta.b64 _, [%0];\n"
      "}" ::"r"(barrier),
      "r"(static_cast<int>(condition))
      : "memory");
}
/// Returns when the phase of this parity is over.
__device__ __forceinline__ void wait_for_phase(uint32_t barrier, uint32_t parity) {
  asm volatile(
      "{\n"
      ".reg .pred done;\n"
      "again:\n"
      "mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n"
      "@!done bra again;\n"
      "}" ::"r"(barrier),
      "r"(parity)
      : "memory");
}

/// The line at `address` to the cache of all multiprocessors.
__device__ __forceinline__ void prefetch(const void* address) {
  asm volatile("prefetch.global.L2 [%0];" ::"l"(address));
}
__device__ __forceinline__ void prefetch_map(const void* map) {
  asm volatile("prefetch.tensormap [%0];" ::"l"(map) : "memory");
}
/// A box of a matrix to shared memory.
__device__ __forceinline__ void copy_box(uint32_t target, const void* map, uint32_t barrier,
                                         int column, int row) {
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, "
      "%4}], [%2];" ::"r"(target),
      "l"(map), "r"(barrier), "r"(column), "r"(row)
      : "memory");
}
/// A box of a batch of matrices; zeros beyond their borders.
__device__ __forceinline__ void copy_box(uint32_t target, const void* map, uint32_t barrier,
                                         int column, int y, int z) {
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, "
      "%4, %5}], [%2];" ::"r"(target),
      "l"(map), "r"(barrier), "r"(column), "r"(y), "r"(z)
      : "memory");
}
/// A box of an image batch; zeros beyond its borders.
__device__ __forceinline__ void copy_patch(uint32_t target, const void* map, uint32_t barrier,
                                           int channel, int x, int y, int image) {
  asm volatile(
      "cp.async.bulk.tensor.4d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, "
      "%4, %5, %6}], [%2];" ::"r"(target),
      "l"(map), "r"(barrier), "r"(channel), "r"(x), "r"(y), "r"(image)
      : "memory");
}
/// Tap (tap_x, tap_y) of the windows that follow the one whose first pixel is (x, y).
__device__ __forceinline__ void copy_windows(uint32_t target, const void* map, uint32_t barrier,
                                             int channel, int x, int y, int image, int tap_x,
                                             int tap_y) {
  asm volatile(
      "cp.async.bulk.tensor.4d.shared::cluster.global.im2col.mbarrier::complete_tx::bytes [%0], "
      "[%1, "
      "{%3, %4, %5, %6}], [%2], {%7, %8};" ::"r"(target),
      "l"(map), "r"(barrier), "r"(channel), "r"(x), "r"(y), "r"(image),
      "h"(static_cast<unsigned short>(tap_x)), "h"(static_cast<unsigned short>(tap_y))
      : "memory");
}

/// A matrix in shared memory whose rows are kLineBytes, mixed as the copy engine does: eight rows
/// follow each other, and the next eight are `group_bytes` further.
template <int kLineBytes = 128>
__device__ __forceinline__ uint64_t matrix_at(uint32_t address, uint32_t group_bytes) {
  static_assert(kLineBytes == 128 || kLineBytes == 64);
  constexpr uint64_t kMixed = uint64_t{kLineBytes == 128 ? 1 : 2} << 62;
  return kMixed | static_cast<uint64_t>(group_bytes >> 4) << 32 | uint64_t{1} << 16 |
         (address & 0x3ffff) >> 4;
}

/// From here on products may use the registers of `sums`.
__device__ __forceinline__ void start_products() {
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}
__device__ __forceinline__ void commit_products() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
template <int kPending>
__device__ __forceinline__ void wait_for_products() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(kPending) : "memory");
}

#define TENDON_SUMS(KIND, C, J) KIND(C[J][0]), KIND(C[J][1]), KIND(C[J][2]), KIND(C[J][3])
#define TENDON_SUMS_OF_8(KIND, C, J)                                                         \
  TENDON_SUMS(KIND, C, J), TENDON_SUMS(KIND, C, J + 1), TENDON_SUMS(KIND, C, J + 2),         \
      TENDON_SUMS(KIND, C, J + 3), TENDON_SUMS(KIND, C, J + 4), TENDON_SUMS(KIND, C, J + 5), \
      TENDON_SUMS(KIND, C, J + 6), TENDON_SUMS(KIND, C, J + 7)
#define TENDON_FIRST_32                                                    \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, " \
  "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31"
#define TENDON_NEXT_32                                                               \
  "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, " \
  "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"
/// KIND: of the sums' registers; TYPES: k and the types of an instruction; SIGNS: what it wants
/// last.
#define TENDON_GROUP_PRODUCT_OF_8(KIND, TYPES, SIGNS)                           \
  asm volatile("wgmma.mma_async.sync.aligned.m64n64" TYPES " {" TENDON_FIRST_32 \
               "}, %32, %33, " SIGNS ";"                                        \
               : TENDON_SUMS_OF_8(KIND, c[0], 0)                                \
               : "l"(a), "l"(b))
#define TENDON_GROUP_PRODUCT_OF_16(KIND, TYPES, SIGNS)                            \
  asm volatile("wgmma.mma_async.sync.aligned.m64n128" TYPES " {" TENDON_FIRST_32  \
               ", " TENDON_NEXT_32 "}, %64, %65, " SIGNS ";"                      \
               : TENDON_SUMS_OF_8(KIND, c[0], 0), TENDON_SUMS_OF_8(KIND, c[0], 8) \
               : "l"(a), "l"(b))
/// sums[64 x 8 * kTilesN] += a * b over 32 bytes of k; a warp's registers are as with mma.m16n8.
#define TENDON_GROUP_PRODUCT(TILES)                                                         \
  __device__ __forceinline__ void multiply_group_half(float(&c)[1][TILES][4], uint64_t a,   \
                                                      uint64_t b) {                         \
    TENDON_GROUP_PRODUCT_OF_##TILES("+f", "k16.f32." TENDON_HALF_FACTORS, "1, 1, 1, 0, 0"); \
  }                                                                                         \
  __device__ __forceinline__ void multiply_group_tf32(float(&c)[1][TILES][4], uint64_t a,   \
                                                      uint64_t b) {                         \
    TENDON_GROUP_PRODUCT_OF_##TILES("+f", "k8.f32.tf32.tf32", "1, 1, 1");                   \
  }                                                                                         \
  template <bool kSigned>                                                                   \
  __device__ __forceinline__ void multiply_group_codes(int(&c)[1][TILES][4], uint64_t a,    \
                                                       uint64_t b) {                        \
    if constexpr (kSigned) {                                                                \
      TENDON_GROUP_PRODUCT_OF_##TILES("+r", "k32.s32.s8.s8", "1");                          \
    } else {                                                                                \
      TENDON_GROUP_PRODUCT_OF_##TILES("+r", "k32.s32.u8.s8", "1");                          \
    }                                                                                       \
  }
TENDON_GROUP_PRODUCT(8)
TENDON_GROUP_PRODUCT(16)
#undef TENDON_GROUP_PRODUCT
#undef TENDON_GROUP_PRODUCT_OF_8
#undef TENDON_GROUP_PRODUCT_OF_16

/// sums[64 x 64] += a * b over 16 of k, where each warp has 16 rows of `a` in registers as with
/// mma, and the rows of b in shared memory are those of k.
#define TENDON_MULTIPLY_ROWS(KIND, ADDS, TRANSPOSED)                                            \
  asm volatile("wgmma.mma_async.sync.aligned.m64n64k16.f32." TENDON_HALF_FACTORS                \
               " {" TENDON_FIRST_32 "}, {%32, %33, %34, %35}, %36, " ADDS ", 1, 1, " TRANSPOSED \
               ";"                                                                              \
               : TENDON_SUMS_OF_8(KIND, c, 0)                                                   \
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b))
__device__ __forceinline__ void multiply_group_rows(float (&c)[8][4], const uint32_t (&a)[4],
                                                    uint64_t b) {
  TENDON_MULTIPLY_ROWS("+f", "1", "1");
}
/// The same with the rows of b being columns; kFirst: sums = a * b.
template <bool kFirst>
__device__ __forceinline__ void multiply_group_columns(float (&c)[8][4], const uint32_t (&a)[4],
                                                       uint64_t b) {
  if constexpr (kFirst) {
    TENDON_MULTIPLY_ROWS("=f", "0", "0");
  } else {
    TENDON_MULTIPLY_ROWS("+f", "1", "0");
  }
}
/// The sums have their values here: what makes them comes before, what is made of them after.
__device__ __forceinline__ void settle(float (&c)[8][4]) {
  asm volatile("" : TENDON_SUMS_OF_8("+f", c, 0)::"memory");
}
/// What is computed from the sums stays behind the wait.
template <int kPending>
__device__ __forceinline__ void wait_for_products(float (&c)[8][4]) {
  asm volatile("wgmma.wait_group.sync.aligned %32;"
               : TENDON_SUMS_OF_8("+f", c, 0)
               : "n"(kPending)
               : "memory");
}
#undef TENDON_MULTIPLY_ROWS
#undef TENDON_FIRST_32
#undef TENDON_NEXT_32
#undef TENDON_SUMS_OF_8
#undef TENDON_SUMS

/// All blocks of the cluster have come here, and what they wrote to shared memory is seen.
__device__ __forceinline__ void meet_cluster() {
  asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory");
  asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory");
}
/// Says that this block has started, and its barriers are known (publish_barriers); does not wait
/// for anything it wrote, as the first half of meet_cluster does for all memory.
__device__ __forceinline__ void come_to_cluster() {
  asm volatile("barrier.cluster.arrive.relaxed.aligned;" ::: "memory");
}
__device__ __forceinline__ void wait_for_cluster() {
  asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory");
}
/// The place in another block's shared memory that is `address` in one's own.
__device__ __forceinline__ uint32_t address_in_block(uint32_t address, int block) {
  uint32_t there;
  asm("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(there) : "r"(address), "r"(block));
  return there;
}
__device__ __forceinline__ void store_to_block(uint32_t address, float4 value) {
  asm volatile("st.shared::cluster.v4.f32 [%0], {%1, %2, %3, %4};" ::"r"(address), "f"(value.x),
               "f"(value.y), "f"(value.z), "f"(value.w)
               : "memory");
}
/// The same; a barrier of that block counts the bytes that have come.
__device__ __forceinline__ void send_to_block(uint32_t address, float4 value, uint32_t barrier) {
  asm volatile(
      "st.async.shared::cluster.mbarrier::complete_tx::bytes.v4.f32 [%0], {%1, %2, %3, %4}, "
      "[%5];" ::"r"(address),
      "f"(value.x), "f"(value.y), "f"(value.z), "f"(value.w), "r"(barrier)
      : "memory");
}
__device__ __forceinline__ void send_to_block(uint32_t address, float2 value, uint32_t barrier) {
  asm volatile(
      "st.async.shared::cluster.mbarrier::complete_tx::bytes.v2.f32 [%0], {%1, %2}, [%3];" ::"r"(
          address),
      "f"(value.x), "f"(value.y), "r"(barrier)
      : "memory");
}
__device__ __forceinline__ void store_to_block(uint32_t address, float2 value) {
  asm volatile("st.shared::cluster.v2.f32 [%0], {%1, %2};" ::"r"(address), "f"(value.x),
               "f"(value.y)
               : "memory");
}

}  // namespace tendon::cuda
