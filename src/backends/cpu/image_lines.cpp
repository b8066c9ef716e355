#include "base/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/image_lines.cpp"
#include <hwy/foreach_target.h>

#include <algorithm>

#include "backends/cpu/codes-inl.h"
#include "backends/cpu/floats-inl.h"
#include "backends/cpu/image_lines.h"
#include "backends/cpu/matmul_tile-inl.h"
#include "backends/cpu/stem_pool-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tendon::cpu {
namespace HWY_NAMESPACE {

ImageLines plan_lines(ImageLines lines) {
  const hn::ScalableTag<float> d;
  lines.panel = 2 * static_cast<int64_t>(hn::Lanes(d));
  lines.tile = kTileRows;
  return lines;
}

/// One input line to a prepared one whose border is 0 already.
template <class T>
void prepare_line(const ImageLines& lines, const void* source, float* prepared) {
  const T* from = static_cast<const T*>(source);
  const int64_t channels = lines.channels;
  const int64_t step = lines.pixel_step;
  float* HWY_RESTRICT to = prepared + lines.pad_left * channels;
  const int64_t count =
      std::min(lines.width, lines.prepared_elements() / lines.channels - lines.pad_left);
  int64_t first = 0;
  if (channels == 3 && step == 1) {
    const hn::ScalableTag<float> d;
    const auto lanes = static_cast<int64_t>(hn::Lanes(d));
    const auto plane = [&](int64_t channel) HWY_ATTR {
      return hn::Sub(load_pixels(from + channel * lines.channel_step + first),
                     hn::Set(d, lines.offset[channel]));
    };
    for (; first + lanes <= count; first += lanes) {
      hn::StoreInterleaved3(plane(0), plane(1), plane(2), d, to + first * 3);
    }
  }
  for (int64_t channel = 0; channel < channels; ++channel) {
    const T* HWY_RESTRICT pixels = from + channel * lines.channel_step;
    const float offset = lines.offset[channel];
    for (int64_t x = first; x < count; ++x) {
      to[x * channels + channel] = static_cast<float>(pixels[x * step]) - offset;
    }
  }
}
void prepare_bytes(const ImageLines& lines, const void* source, float* prepared) {
  prepare_line<uint8_t>(lines, source, prepared);
}
void prepare_floats(const ImageLines& lines, const void* source, float* prepared) {
  prepare_line<float>(lines, source, prepared);
}

/// One line of the result from kernel_height prepared lines.
void convolve_line(const ImageLines& lines, const float* const* prepared, float* HWY_RESTRICT y) {
  const hn::ScalableTag<float> d;
  using V = hn::Vec<decltype(d)>;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t step = lines.stride * lines.channels;
  const int64_t run = lines.kernel_width * lines.channels;
  const int64_t runs = lines.kernel_height;
  const int64_t width = lines.y_width;
  const int64_t panels = lines.panels();
  const int64_t y_step = lines.y_step();
  const bool relu = lines.activation == Activation::kRelu;
  for (int64_t panel = 0; panel < panels; ++panel) {
    const float* bias = lines.bias + panel * 2 * lanes;
    const float* const panel_weights = lines.weights + panel * runs * run * 2 * lanes;
    for (int64_t first = 0; first < width; first += kTileRows) {
      V sums[kTileRows][2];
      HWY_UNROLL(16)
      for (int row = 0; row < kTileRows; ++row) {
        sums[row][0] = hn::Load(d, bias);
        sums[row][1] = hn::Load(d, bias + lanes);
      }
      const float* weights = panel_weights;
      for (int64_t line = 0; line < runs; ++line) {
        const float* x = prepared[line] + first * step;
        for (int64_t k = 0; k < run; ++k) {
          const V left = hn::Load(d, weights);
          const V right = hn::Load(d, weights + lanes);
          HWY_UNROLL(16)
          for (int row = 0; row < kTileRows; ++row) {
            const V pixel = hn::Set(d, x[row * step + k]);
            sums[row][0] = hn::MulAdd(pixel, left, sums[row][0]);
            sums[row][1] = hn::MulAdd(pixel, right, sums[row][1]);
          }
          weights += 2 * lanes;
        }
      }
      float* to = y + first * y_step + panel * 2 * lanes;
      HWY_UNROLL(16)
      for (int row = 0; row < kTileRows; ++row) {
        HWY_UNROLL(2)
        for (int v = 0; v < 2; ++v) {
          V sum = sums[row][v];
          // Not Max, which may turn NaN into 0; and no -0, which is the largest in AfterRelu's
          // order.
          if (relu) sum = hn::IfThenZeroElse(hn::Le(sum, hn::Zero(d)), sum);
          hn::Store(sum, d, to + row * y_step + v * lanes);
        }
      }
    }
  }
}

/// How a pool compares: any floats, NaN being the largest.
struct AnyFloats {
  using D = hn::ScalableTag<float>;
  using V = hn::Vec<D>;
  static HWY_INLINE V load(const float* x) { return hn::Load(D(), x); }
  static HWY_INLINE V larger(V a, V b) {
    return hn::IfThenElse(hn::Or(hn::Gt(b, a), hn::IsNaN(b)), b, a);
  }
  static HWY_INLINE hn::Vec<hn::ScalableTag<float>> value(V v) { return v; }
};
/// What Relu leaves has no sign but that of NaN: as unsigned integers its elements order as they
/// do, NaN last, in one instruction.
struct AfterRelu {
  using D = hn::ScalableTag<uint32_t>;
  using V = hn::Vec<D>;
  static HWY_INLINE V load(const float* x) {
    return hn::BitCast(D(), hn::Load(hn::ScalableTag<float>(), x));
  }
  static HWY_INLINE V larger(V a, V b) { return hn::Max(a, b); }
  static HWY_INLINE hn::Vec<hn::ScalableTag<float>> value(V v) {
    return hn::BitCast(hn::ScalableTag<float>(), v);
  }
};

template <class Order>
HWY_INLINE void pool_in_order(const ImageLines& lines, const float* const* made, int64_t count,
                              float* y) {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t channels = lines.y_channels;
  for (int64_t c = 0; c < channels; c += lanes) {
    const auto finish = [&](int64_t x, typename Order::V most) HWY_ATTR {
      float* const to = y + x * channels + c;
      if (channels - c >= lanes) {
        hn::StoreU(Order::value(most), d, to);
      } else {
        store_partial(d, Order::value(most), to, channels - c);
      }
    };
    pool_windows<Order>(made, count, c, lines.y_step(), lines.y_width, finish);
  }
}

/// The maxima over windows of 3 pixels with stride 2 and a border of 1 of up to 3 result lines.
void pool_lines(const ImageLines& lines, const float* const* made, int64_t count, float* y) {
  if (lines.activation == Activation::kRelu) {
    pool_in_order<AfterRelu>(lines, made, count, y);
  } else {
    pool_in_order<AnyFloats>(lines, made, count, y);
  }
}

void encode_int8(const float* y, void* codes, int64_t n, float scale) {
  quantize(y, static_cast<int8_t*>(codes), n, scale, 0);
}
void encode_uint8(const float* y, void* codes, int64_t n, float scale) {
  quantize(y, static_cast<uint8_t*>(codes), n, scale, 0);
}

}  // namespace HWY_NAMESPACE
}  // namespace tendon::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tendon::cpu {
HWY_EXPORT(plan_lines);
HWY_EXPORT(prepare_bytes);
HWY_EXPORT(prepare_floats);
HWY_EXPORT(convolve_line);
HWY_EXPORT(pool_lines);
HWY_EXPORT(encode_int8);
HWY_EXPORT(encode_uint8);

ImageLines planned(const ImageLines& lines) { return HWY_DYNAMIC_DISPATCH(plan_lines)(lines); }

ImageLineSteps image_line_steps(DataType images, DataType y) {
  ImageLineSteps steps{images == DataType::kUInt8 ? HWY_DYNAMIC_DISPATCH(prepare_bytes)
                                                  : HWY_DYNAMIC_DISPATCH(prepare_floats),
                       HWY_DYNAMIC_DISPATCH(convolve_line), HWY_DYNAMIC_DISPATCH(pool_lines),
                       nullptr};
  if (y == DataType::kInt8) steps.encode = HWY_DYNAMIC_DISPATCH(encode_int8);
  if (y == DataType::kUInt8) steps.encode = HWY_DYNAMIC_DISPATCH(encode_uint8);
  return steps;
}

}  // namespace tendon::cpu
#endif
