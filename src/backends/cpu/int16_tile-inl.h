// Products of 8-bit codes held in 16 bits, with what follows the sums.

#if defined(TENDON_INT16_TILE_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef TENDON_INT16_TILE_INL_H
#undef TENDON_INT16_TILE_INL_H
#else
#define TENDON_INT16_TILE_INL_H
#endif

#include <hwy/highway.h>

#include <cstring>

#include "backends/cpu/codes-inl.h"
#include "backends/cpu/int16.h"
#include "backends/cpu/pair_products-inl.h"
#include "backends/cpu/simd_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tendon::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;

/// Pixels of a tile. With two vectors a pixel, 6 leave room for the operands in 16 registers; the
/// 32 of AVX-512 would hold more than 8, at the price of compile time. The portable fallback keeps
/// its vectors in memory anyway, and its loops over lanes are what takes longest to compile.
#if HWY_TARGET == HWY_AVX3
inline constexpr int kTilePixels = 8;
#elif HWY_TARGET == HWY_EMU128
inline constexpr int kTilePixels = 2;
#else
inline constexpr int kTilePixels = 6;
#endif

/// The sums of kPixels neighbouring pixels from x on for one panel, to y[kPixels, panel].
template <int kPixels>
HWY_INLINE void multiply_pixels(const Int16Line& line, const int16_t* HWY_RESTRICT x,
                                int32_t* HWY_RESTRICT y) {
  const Sums d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  hn::Vec<Sums> sums[kPixels][2];
  HWY_UNROLL(8)
  for (int pixel = 0; pixel < kPixels; ++pixel) sums[pixel][0] = sums[pixel][1] = hn::Zero(d);
  const int32_t* HWY_RESTRICT panel = line.panel;
  for (int64_t tap = 0; tap < line.taps; ++tap, x += line.tap_stride) {
    for (int64_t k = 0; k < line.run; k += 2, panel += 2 * lanes) {
      const auto first = hn::Load(d, panel);
      const auto second = hn::Load(d, panel + lanes);
      HWY_UNROLL(8)
      for (int pixel = 0; pixel < kPixels; ++pixel) {
        int32_t two;
        std::memcpy(&two, x + pixel * line.pixel_stride + k, sizeof two);
        const auto left = hn::Set(d, two);
        sums[pixel][0] = add_products(sums[pixel][0], left, first);
        sums[pixel][1] = add_products(sums[pixel][1], left, second);
      }
    }
  }
  HWY_UNROLL(8)
  for (int pixel = 0; pixel < kPixels; ++pixel) {
    hn::Store(sums[pixel][0], d, y + 2 * pixel * lanes);
    hn::Store(sums[pixel][1], d, y + (2 * pixel + 1) * lanes);
  }
}

/// The same for `pixels` of them, at most kPixels.
template <int kPixels>
HWY_INLINE void multiply(int64_t pixels, const Int16Line& line, const int16_t* x, int32_t* y) {
  if (pixels == kPixels) return multiply_pixels<kPixels>(line, x, y);
  if constexpr (kPixels > 1) multiply<kPixels - 1>(pixels, line, x, y);
}

HWY_INLINE hn::Vec<Floats> load_values(DataType type, const void* from, int64_t at) {
  if (type == DataType::kUInt8) return load_codes(static_cast<const uint8_t*>(from) + at);
  if (type == DataType::kInt8) return load_codes(static_cast<const int8_t*>(from) + at);
  return hn::LoadU(Floats(), static_cast<const float*>(from) + at);
}

HWY_INLINE void store_values(DataType type, hn::Vec<Floats> value, float scale, void* to,
                             int64_t at) {
  const Floats d;
  if (type == DataType::kFloat32) {
    hn::StoreU(value, d, static_cast<float*>(to) + at);
  } else if (type == DataType::kUInt8) {
    store_codes(hn::Div(value, hn::Set(d, scale)), static_cast<uint8_t*>(to) + at);
  } else {
    store_codes(hn::Div(value, hn::Set(d, scale)), static_cast<int8_t*>(to) + at);
  }
}

/// One vector of sums at channel `channel` of the panel to its place `at` in y.
HWY_INLINE void finish_vector(const Int16Epilogue& e, hn::Vec<Sums> sums, int64_t channel,
                              int64_t at, const void* residual, const float* bias, void* y) {
  const Floats d;
  auto value = hn::MulAdd(hn::ConvertTo(d, sums), hn::LoadU(d, e.scale + channel),
                          hn::LoadU(d, e.bias + channel));
  if (bias != nullptr) value = hn::Add(value, hn::LoadU(d, bias + at));
  if (residual != nullptr) {
    value = hn::MulAdd(load_values(e.residual_dtype, residual, at), hn::Set(d, e.residual_scale),
                       value);
  }
  if (e.activation == Activation::kRelu) {
    // Not Max, which may turn NaN into 0.
    value = hn::IfThenZeroElse(hn::Lt(value, hn::Zero(d)), value);
  } else if (e.activation == Activation::kGelu) {
    value = gelu(d, value);
  }
  store_values(e.y_dtype, value, e.y_scale, y, at);
}

/// The same for the last `columns` channels, fewer than a vector has, by way of whole vectors.
HWY_NOINLINE void finish_part(const Int16Epilogue& e, hn::Vec<Sums> sums, int64_t channel,
                              int64_t at, int64_t columns) {
  constexpr size_t kMost = HWY_MAX_BYTES / sizeof(float);
  alignas(64) float residual[kMost] = {}, bias[kMost] = {}, y[kMost];
  const auto count = static_cast<size_t>(columns);
  if (e.residual != nullptr) {
    const size_t width = size_of(e.residual_dtype);
    std::memcpy(residual,
                static_cast<const std::byte*>(e.residual) + static_cast<size_t>(at) * width,
                count * width);
  }
  if (e.element_bias != nullptr) std::memcpy(bias, e.element_bias + at, count * sizeof(float));
  finish_vector(e, sums, channel, 0, e.residual != nullptr ? residual : nullptr,
                e.element_bias != nullptr ? bias : nullptr, y);
  const size_t width = size_of(e.y_dtype);
  std::memcpy(static_cast<std::byte*>(e.y) + static_cast<size_t>(at) * width, y, count * width);
}

/// `pixels` of the line from `pixel` on, at most kTilePixels.
HWY_INLINE void tile(const Int16Line& line, const Int16Epilogue& e, int64_t pixel, int64_t pixels) {
  const Sums d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  // Through memory, so that what follows the sums is compiled once, not for each size of a tile.
  HWY_ALIGN int32_t sums[kTilePixels * 2 * HWY_MAX_BYTES / sizeof(int32_t)];
  multiply<kTilePixels>(pixels, line, line.x + pixel * line.pixel_stride, sums);
  for (int64_t p = 0; p < pixels; ++p) {
    const int64_t at = (line.first + pixel + p) * e.channels + line.channel;
    for (int64_t v = 0; v < 2 && v * lanes < line.columns; ++v) {
      const auto values = hn::Load(d, sums + (2 * p + v) * lanes);
      const int64_t left = line.columns - v * lanes, channel = line.channel + v * lanes;
      if (left >= lanes) {
        finish_vector(e, values, channel, at + v * lanes, e.residual, e.element_bias, e.y);
      } else {
        finish_part(e, values, channel, at + v * lanes, left);
      }
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace tendon::cpu
HWY_AFTER_NAMESPACE();

#endif
