#include "backends/cpu/code_lines.h"

#include "base/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/code_lines.cpp"
#include <hwy/foreach_target.h>

#include <algorithm>
#include <cstring>

#include "backends/cpu/codes-inl.h"
#include "backends/cpu/matmul_tile-inl.h"
#include "backends/cpu/pair_products-inl.h"
#include "backends/cpu/stem_pool-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tendon::cpu {
namespace HWY_NAMESPACE {

using Floats = hn::ScalableTag<float>;
using Integers = hn::ScalableTag<int32_t>;
using IntegerVector = hn::Vec<Integers>;

/// Four unsigned bytes times four signed ones.
struct Quads {
  using Code = uint8_t;
  static constexpr int32_t kShift = 128;
  static HWY_INLINE IntegerVector add(IntegerVector sum, IntegerVector codes,
                                      IntegerVector weights) {
#if HWY_TARGET == HWY_AVX3
    // Highway has no such function yet; it comes with CPUs that have most of this target.
    asm("vpdpbusd %2, %1, %0" : "+v"(sum.raw) : "v"(codes.raw), "v"(weights.raw));
#else
    (void)codes;
    (void)weights;
#endif
    return sum;
  }
};
/// Two 16-bit integers each, which any CPU multiplies exactly.
struct Pairs {
  using Code = int16_t;
  static constexpr int32_t kShift = 0;
  static HWY_INLINE IntegerVector add(IntegerVector sum, IntegerVector codes,
                                      IntegerVector weights) {
    return add_products(sum, codes, weights);
  }
};

template <class Words>
void plan_codes(CodeLines& lines) {
  lines.panel = 2 * static_cast<int64_t>(hn::Lanes(Integers()));
  lines.tile = kTileRows;
  lines.code_bytes = sizeof(typename Words::Code);
  lines.group = 4 / lines.code_bytes;
  lines.shift = Words::kShift;
}

template <class Words>
void border_of_codes(const CodeLines& lines, void* prepared) {
  using Code = typename Words::Code;
  std::fill_n(static_cast<Code*>(prepared), lines.prepared_bytes() / lines.code_bytes,
              static_cast<Code>(Words::kShift));
}

template <class Words, class T>
void prepare_codes(const CodeLines& lines, const void* source, void* prepared) {
  using Code = typename Words::Code;
  const Floats d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const T* from = static_cast<const T*>(source);
  const int64_t channels = lines.channels;
  Code* HWY_RESTRICT to = static_cast<Code*>(prepared) + lines.pad_left * channels;
  const int64_t pixels = (ImageLines::round_up(lines.y_width, lines.tile) - 1) * lines.stride +
                         lines.kernel_width - lines.pad_left;
  const int64_t count = std::min(lines.width, pixels);
  const auto code_of = [&](hn::Vec<Floats> x, float offset) HWY_ATTR {
    const auto quotient = hn::Div(hn::Sub(x, hn::Set(d, offset)), hn::Set(d, lines.x_scale));
    const auto known = hn::IfThenElseZero(hn::Eq(quotient, quotient), quotient);
    const auto inside = hn::Min(hn::Max(known, hn::Set(d, -128.0F)), hn::Set(d, 127.0F));
    const auto code = hn::Add(hn::NearestInt(inside), hn::Set(Integers(), Words::kShift));
    return hn::DemoteTo(hn::Rebind<Code, Floats>(), code);
  };
  const hn::Rebind<Code, Floats> codes;
  int64_t x = 0;
  if (lines.pixel_step == 1 && channels == 3) {
    const auto plane = [&](int64_t channel) HWY_ATTR {
      return code_of(load_pixels(from + channel * lines.channel_step + x), lines.offset[channel]);
    };
    for (; x + lanes <= count; x += lanes) {
      hn::StoreInterleaved3(plane(0), plane(1), plane(2), codes, to + 3 * x);
    }
  }
  const auto code_at = [&](int64_t pixel, int64_t channel) HWY_ATTR {
    const float value =
        static_cast<float>(from[channel * lines.channel_step + pixel * lines.pixel_step]);
    HWY_ALIGN Code result[HWY_MAX_BYTES / sizeof(float)];
    hn::StoreU(code_of(hn::Set(d, value), lines.offset[channel]), codes, result);
    return result[0];
  };
  if (lines.channel_step == 1) {
    // One run of elements, whose offset is the same for all.
    const int64_t elements = count * channels;
    int64_t i = 0;
    for (; i + lanes <= elements; i += lanes) {
      hn::StoreU(code_of(load_pixels(from + i), lines.offset[0]), codes, to + i);
    }
    for (; i < elements; ++i) to[i] = code_at(i / channels, i % channels);
    return;
  }
  for (; x < count; ++x) {
    for (int64_t channel = 0; channel < channels; ++channel) {
      to[x * channels + channel] = code_at(x, channel);
    }
  }
}

template <class Words>
void convolve_codes(const CodeLines& lines, const void* const* prepared, int64_t line,
                    int32_t* HWY_RESTRICT y) {
  using Code = typename Words::Code;
  const Integers d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t step = lines.stride * lines.channels;
  const int64_t groups = lines.groups(), group = lines.group;
  const int64_t y_step = lines.y_step();
  const int32_t* const starts =
      lines.starts + lines.row_class[line] * lines.column_classes * y_step;
  for (int64_t panel = 0; panel < lines.panels(); ++panel) {
    const int32_t* const panel_weights =
        lines.weights_of_codes + panel * lines.kernel_height * groups * 2 * lanes;
    for (int64_t first = 0; first < lines.y_width; first += kTileRows) {
      IntegerVector sums[kTileRows][2];
      HWY_UNROLL(16)
      for (int row = 0; row < kTileRows; ++row) {
        const int32_t* start =
            starts + lines.column_class[first + row] * y_step + panel * 2 * lanes;
        sums[row][0] = hn::Load(d, start);
        sums[row][1] = hn::Load(d, start + lanes);
      }
      const int32_t* weights = panel_weights;
      for (int64_t k = 0; k < lines.kernel_height; ++k) {
        const Code* x = static_cast<const Code*>(prepared[k]) + first * step;
        for (int64_t g = 0; g < groups; ++g, weights += 2 * lanes, x += group) {
          const IntegerVector left = hn::Load(d, weights), right = hn::Load(d, weights + lanes);
          HWY_UNROLL(16)
          for (int row = 0; row < kTileRows; ++row) {
            int32_t word;
            std::memcpy(&word, x + row * step, sizeof word);
            const IntegerVector pixel = hn::Set(d, word);
            sums[row][0] = Words::add(sums[row][0], pixel, left);
            sums[row][1] = Words::add(sums[row][1], pixel, right);
          }
        }
      }
      int32_t* to = y + first * y_step + panel * 2 * lanes;
      HWY_UNROLL(16)
      for (int row = 0; row < kTileRows; ++row) {
        hn::Store(sums[row][0], d, to + row * y_step);
        hn::Store(sums[row][1], d, to + row * y_step + lanes);
      }
    }
  }
}

struct SumOrder {
  using V = IntegerVector;
  static HWY_INLINE V load(const int32_t* x) { return hn::Load(Integers(), x); }
  static HWY_INLINE V larger(V a, V b) { return hn::Max(a, b); }
};

/// Scales are positive and the activation rises, so the largest sum makes the largest code.
template <class T>
void pool_codes(const CodeLines& lines, const int32_t* const* made, int64_t count, void* y) {
  const Floats d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t channels = lines.y_channels;
  for (int64_t c = 0; c < channels; c += lanes) {
    const auto scale = hn::Load(d, lines.scale + c), bias = hn::Load(d, lines.bias + c);
    const auto finish = [&](int64_t x, IntegerVector most) HWY_ATTR {
      auto value = hn::MulAdd(hn::ConvertTo(d, most), scale, bias);
      if (lines.activation == Activation::kRelu) value = hn::Max(value, hn::Zero(d));
      value = hn::Div(value, hn::Set(d, lines.y_scale));
      T* const to = static_cast<T*>(y) + x * channels + c;
      if (channels - c >= lanes) {
        store_codes(value, to);
      } else {
        HWY_ALIGN T rest[HWY_MAX_BYTES / sizeof(float)];
        store_codes(value, rest);
        std::copy_n(rest, channels - c, to);
      }
    };
    pool_windows<SumOrder>(made, count, c, lines.y_step(), lines.y_width, finish);
  }
}

template <class Words>
CodeLineSteps steps_of(DataType images, DataType y) {
  return {plan_codes<Words>, border_of_codes<Words>,
          images == DataType::kUInt8 ? prepare_codes<Words, uint8_t> : prepare_codes<Words, float>,
          convolve_codes<Words>, y == DataType::kUInt8 ? pool_codes<uint8_t> : pool_codes<int8_t>};
}

CodeLineSteps choose_steps(DataType images, DataType y, bool vnni) {
  if (HWY_TARGET == HWY_AVX3 && vnni) return steps_of<Quads>(images, y);
  return steps_of<Pairs>(images, y);
}

}  // namespace HWY_NAMESPACE
}  // namespace tendon::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tendon::cpu {
HWY_EXPORT(choose_steps);

CodeLineSteps code_line_steps(DataType images, DataType y, bool vnni) {
  return HWY_DYNAMIC_DISPATCH(choose_steps)(images, y, vnni);
}

}  // namespace tendon::cpu
#endif
