// Moves elements: every kernel reads with one set of steps and writes with another.
#include "copy_parameters.h"
#include "device_math.cuh"

namespace tendon::cuda {
namespace {

template <class Unit>
__device__ __forceinline__ void copy(const CopyParameters& p) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= p.count) return;
  unsigned rest = i;
  long long from = 0;
  long long to = 0;
#pragma unroll
  for (int axis = kCopyAxes - 1; axis >= 0; --axis) {
    if (p.sizes[axis] == 1) continue;
    const unsigned size = static_cast<unsigned>(p.sizes[axis]);
    const int place = static_cast<int>(rest % size);
    rest /= size;
    from += static_cast<long long>(place) * p.x_steps[axis];
    to += static_cast<long long>(place) * p.y_steps[axis];
  }
  static_cast<Unit*>(p.y)[to] = static_cast<const Unit*>(p.x)[from];
}

template <class Unit>
__device__ __forceinline__ void copy_all(const CopiesParameters& p) {
  wait_for_previous_kernel();
  copy<Unit>(p.copies[blockIdx.y]);
}

template <class Source, class Result>
__device__ __forceinline__ void frame(const FrameParameters& p) {
  struct alignas(4 * sizeof(Result)) Pixel {
    Result values[4];
  };
  wait_for_previous_kernel();
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  const int column = i % p.frame_width;
  const int row = i / p.frame_width % p.frame_height;
  const int image = i / p.frame_width / p.frame_height;
  if (image >= p.batch) return;
  const int y = row - p.top;
  const int x = column - p.left;
  const bool inside = static_cast<unsigned>(y) < static_cast<unsigned>(p.height) &&
                      static_cast<unsigned>(x) < static_cast<unsigned>(p.width);
  Pixel pixel;
#pragma unroll
  for (int c = 0; c < 4; ++c) {
    float value = 0.0f;
    if (inside && c < p.channels) {
      value = to_float(static_cast<const Source*>(
          p.x)[image * p.steps.image + static_cast<long long>(y) * p.steps.row + x * p.steps.pixel +
               static_cast<long long>(c) * p.steps.channel]);
      if (p.offset != nullptr) value -= p.offset[c];
    }
    pixel.values[c] = from_float<Result>(value);
  }
  static_cast<Pixel*>(p.y)[i] = pixel;
}

/// Four pixels a thread.
template <class Unit, class Four>
__device__ __forceinline__ void interleave(const InterleaveParameters& p) {
  wait_for_previous_kernel();
  constexpr int kChannels = 3;
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  const int fours = p.points / 4;
  const int image = i / fours;
  if (image >= p.batch) return;
  alignas(sizeof(Four)) Unit pixels[4][kChannels];
#pragma unroll
  for (int c = 0; c < kChannels; ++c) {
    alignas(sizeof(Four)) Unit plane[4];
    *reinterpret_cast<Four*>(plane) = static_cast<const Four*>(
        p.x)[static_cast<long long>(image * kChannels + c) * fours + i % fours];
#pragma unroll
    for (int e = 0; e < 4; ++e) pixels[e][c] = plane[e];
  }
#pragma unroll
  for (int part = 0; part < kChannels; ++part) {
    static_cast<Four*>(p.y)[static_cast<long long>(i) * kChannels + part] =
        reinterpret_cast<const Four*>(pixels)[part];
  }
}

}  // namespace

#ifndef TENDON_BFLOAT16
#define TENDON_COPY(BYTES, UNIT)                                                        \
  extern "C" __global__ void copy_##BYTES(const __grid_constant__ CopiesParameters p) { \
    copy_all<UNIT>(p);                                                                  \
  }
TENDON_COPY(1, unsigned char)
TENDON_COPY(2, unsigned short)
TENDON_COPY(4, unsigned)
TENDON_COPY(8, uint2)
TENDON_COPY(16, uint4)
#endif
#define TENDON_FRAME(SOURCE, FROM, RESULT, TO)          \
  extern "C" __global__ void frame_##SOURCE##_##RESULT( \
      const __grid_constant__ FrameParameters p) {      \
    frame<FROM, TO>(p);                                 \
  }
#define TENDON_FRAMES_OF_HALF(NAME)    \
  TENDON_FRAME(NAME, Half, NAME, Half) \
  TENDON_FRAME(NAME, Half, f32, float) \
  TENDON_FRAME(f32, float, NAME, Half) \
  TENDON_FRAME(u8, unsigned char, NAME, Half)
TENDON_WITH(TENDON_FRAMES_OF_HALF, TENDON_HALF)
#ifndef TENDON_BFLOAT16
TENDON_FRAME(f32, float, f32, float)
TENDON_FRAME(u8, unsigned char, f32, float)
extern "C" __global__ void interleave_2(const __grid_constant__ InterleaveParameters p) {
  interleave<unsigned short, uint2>(p);
}
extern "C" __global__ void interleave_4(const __grid_constant__ InterleaveParameters p) {
  interleave<unsigned, uint4>(p);
}
#endif

}  // namespace tendon::cuda
