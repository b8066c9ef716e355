// MaxPool, AveragePool and global pools in both layouts.
#include "base/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/pool.cpp"
#include <hwy/foreach_target.h>

#include <array>
#include <cmath>
#include <limits>
#include <span>

#include "backends/cpu/kernels.h"
#include "backends/cpu/simd_math-inl.h"
#include "backends/cpu/support.h"
#include "ops/pool_windows.h"

HWY_BEFORE_NAMESPACE();
namespace tendon::cpu {
namespace HWY_NAMESPACE {

/// y[c] = the combination of taps[0][c], taps[1][c], … and, if `more`, y[c], for c in [0, n).
template <auto kCombine, class T>
HWY_INLINE void combine_taps(std::span<const T* const> taps, T* y, int64_t n, bool more) {
  const hn::ScalableTag<float> d;
  using V = hn::Vec<decltype(d)>;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const size_t first = more ? 0 : 1;
  for (int64_t c = 0; c < n; c += lanes) {
    const int64_t rest = n - c;
    const auto load = [&](const T* x) HWY_ATTR {
      return rest >= lanes ? load_floats(d, x + c) : load_partial(d, x + c, rest);
    };
    V result = load(more ? y : taps[0]);
    for (size_t i = first; i < taps.size(); ++i) result = kCombine(result, load(taps[i]));
    if (rest >= lanes) {
      store_floats(d, result, y + c);
    } else {
      store_partial(d, result, y + c, rest);
    }
  }
}

using V = hn::Vec<hn::ScalableTag<float>>;

// Once NaN, always NaN.
HWY_INLINE V larger(V a, V b) { return hn::IfThenElse(hn::Or(hn::Gt(b, a), hn::IsNaN(b)), b, a); }

void pool_max(std::span<const float* const> taps, float* y, int64_t n, bool more) {
  combine_taps<[](V a, V b) HWY_ATTR { return larger(a, b); }>(taps, y, n, more);
}
void pool_max_bfloat16(std::span<const BFloat16* const> taps, BFloat16* y, int64_t n, bool more) {
  combine_taps<[](V a, V b) HWY_ATTR { return larger(a, b); }>(taps, y, n, more);
}

void pool_sum(std::span<const float* const> taps, float* y, int64_t n, bool more) {
  combine_taps<[](V a, V b) HWY_ATTR { return hn::Add(a, b); }>(taps, y, n, more);
}

template <class T>
HWY_INLINE void pool_max_codes(std::span<const T* const> taps, T* y, int64_t n, bool more) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const size_t first = more ? 0 : 1;
  int64_t c = 0;
  for (; c + lanes <= n; c += lanes) {
    auto result = hn::LoadU(d, (more ? y : taps[0]) + c);
    for (size_t i = first; i < taps.size(); ++i)
      result = hn::Max(result, hn::LoadU(d, taps[i] + c));
    hn::StoreU(result, d, y + c);
  }
  for (; c < n; ++c) {
    T result = more ? y[c] : taps[0][c];
    for (size_t i = first; i < taps.size(); ++i) result = std::max(result, taps[i][c]);
    y[c] = result;
  }
}

void pool_max_int8(std::span<const int8_t* const> taps, int8_t* y, int64_t n, bool more) {
  pool_max_codes(taps, y, n, more);
}
void pool_max_uint8(std::span<const uint8_t* const> taps, uint8_t* y, int64_t n, bool more) {
  pool_max_codes(taps, y, n, more);
}

}  // namespace HWY_NAMESPACE
}  // namespace tendon::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tendon::cpu {
HWY_EXPORT(pool_max);
HWY_EXPORT(pool_max_bfloat16);
HWY_EXPORT(pool_max_int8);
HWY_EXPORT(pool_max_uint8);
HWY_EXPORT(pool_sum);
namespace {

using Axes = std::array<WindowAxis, 3>;

/// The inputs [begin, end) by `step` inside one window of an axis, and how many of its places an
/// average divides by.
struct Taps {
  int64_t begin;
  int64_t end;
  int64_t counted;
};

Taps taps_of(const WindowAxis& axis, int64_t o, bool count_padding) {
  const int64_t first = o * axis.stride - axis.pad_begin;
  int64_t k = 0;
  while (k < axis.kernel && first + k * axis.dilation < 0) ++k;
  int64_t last = k;
  while (last < axis.kernel && first + last * axis.dilation < axis.input) ++last;
  int64_t counted = last - k;
  if (count_padding) {
    // A window may reach beyond the padding where ceil_mode added one.
    counted = 0;
    for (int64_t i = 0; i < axis.kernel; ++i) {
      counted += first + i * axis.dilation < axis.input + axis.pad_end;
    }
  }
  return {first + k * axis.dilation, first + last * axis.dilation, counted};
}

struct PoolSizes {
  int64_t batch = 1;
  int64_t channels = 1;
  Axes axes;
  bool averages = false;
  bool count_padding = false;

  int64_t input_points() const { return axes[0].input * axes[1].input * axes[2].input; }
  int64_t output_rows() const { return axes[0].output * axes[1].output; }
};

class PoolKernel : public Kernel {
 public:
  explicit PoolKernel(const PoolSizes& sizes) : sizes_(sizes) {}

 protected:
  /// row(outer, middle, out): the windows along the inner axis at one place of the others.
  template <class Row>
  void for_rows(int64_t images, int64_t elements, const Row& row) const {
    const WindowAxis& outer = sizes_.axes[0];
    const WindowAxis& middle = sizes_.axes[1];
    const WindowAxis& inner = sizes_.axes[2];
    const int64_t rows = sizes_.output_rows();
    parallel_for(images * rows, rows_per_task(elements), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t place = i % rows;
        row(i / rows, taps_of(outer, place / middle.output, sizes_.count_padding),
            taps_of(middle, place % middle.output, sizes_.count_padding), i * inner.output);
      }
    });
  }

  PoolSizes sizes_;
};

template <class T>
using Combine = void (*)(std::span<const T* const>, T*, int64_t, bool);

/// All channels of a point at once. Averages are float's alone.
template <class T>
class ChannelsLastPool final : public PoolKernel {
 public:
  ChannelsLastPool(const PoolSizes& sizes, Combine<T> combine)
      : PoolKernel(sizes), combine_(combine) {}

  void run(const KernelArguments& arguments) const override {
    const WindowAxis& outer = sizes_.axes[0];
    const WindowAxis& middle = sizes_.axes[1];
    const WindowAxis& inner = sizes_.axes[2];
    const int64_t channels = sizes_.channels;
    for_rows(sizes_.batch, inner.output * channels * inner.kernel * middle.kernel,
             [&](int64_t image, const Taps& a, const Taps& b, int64_t out) {
               const T* x = static_cast<const T*>(arguments.inputs[0]) +
                            image * sizes_.input_points() * channels;
               for (int64_t o = 0; o < inner.output; ++o) {
                 const Taps c = taps_of(inner, o, sizes_.count_padding);
                 T* y = static_cast<T*>(arguments.outputs[0]) + (out + o) * channels;
                 std::array<const T*, 32> taps;
                 size_t count = 0;
                 bool more = false;
                 for (int64_t i = a.begin; i < a.end; i += outer.dilation) {
                   for (int64_t j = b.begin; j < b.end; j += middle.dilation) {
                     for (int64_t k = c.begin; k < c.end; k += inner.dilation) {
                       if (count == taps.size()) {
                         combine_({taps.data(), count}, y, channels, more);
                         more = true;
                         count = 0;
                       }
                       const int64_t point = (i * middle.input + j) * inner.input + k;
                       taps[count++] = x + point * channels;
                     }
                   }
                 }
                 combine_({taps.data(), count}, y, channels, more);
                 if constexpr (std::is_floating_point_v<T>) {
                   if (!sizes_.averages) continue;
                   const auto divisor = static_cast<T>(a.counted * b.counted * c.counted);
                   for (int64_t channel = 0; channel < channels; ++channel) y[channel] /= divisor;
                 }
               }
             });
  }

 private:
  Combine<T> combine_;
};

/// One channel at a time.
class ChannelsFirstPool final : public PoolKernel {
 public:
  using PoolKernel::PoolKernel;

  void run(const KernelArguments& arguments) const override {
    const WindowAxis& outer = sizes_.axes[0];
    const WindowAxis& middle = sizes_.axes[1];
    const WindowAxis& inner = sizes_.axes[2];
    for_rows(sizes_.batch * sizes_.channels, inner.output * inner.kernel * middle.kernel,
             [&](int64_t image, const Taps& a, const Taps& b, int64_t out) {
               const float* x = floats(arguments, 0) + image * sizes_.input_points();
               for (int64_t o = 0; o < inner.output; ++o) {
                 const Taps c = taps_of(inner, o, sizes_.count_padding);
                 float result = sizes_.averages ? 0.0f : -std::numeric_limits<float>::infinity();
                 for (int64_t i = a.begin; i < a.end; i += outer.dilation) {
                   for (int64_t j = b.begin; j < b.end; j += middle.dilation) {
                     const float* row = x + (i * middle.input + j) * inner.input;
                     for (int64_t k = c.begin; k < c.end; k += inner.dilation) {
                       if (sizes_.averages) {
                         result += row[k];
                       } else if (row[k] > result || std::isnan(row[k])) {
                         result = row[k];
                       }
                     }
                   }
                 }
                 if (sizes_.averages) {
                   result /= static_cast<float>(a.counted * b.counted * c.counted);
                 }
                 output_floats(arguments)[out + o] = result;
               }
             });
  }
};

Offer make(const KernelRequest& request, bool channels_last, bool averages, bool count_padding,
           std::span<const WindowAxis> axes) {
  const ImageLayout image = image_layout(request.input_shape(0), channels_last);
  const PoolSizes sizes{image.batch, image.channels, as_volume(axes), averages, count_padding};
  if (channels_last) {
    return std::make_unique<ChannelsLastPool<float>>(
        sizes, averages ? &HWY_DYNAMIC_DISPATCH(pool_sum) : &HWY_DYNAMIC_DISPATCH(pool_max));
  }
  return std::make_unique<ChannelsFirstPool>(sizes);
}

}  // namespace

Offer make_max_pool(const MaxPool& op, const KernelRequest& request) {
  if (request.node.outputs.size() > 1 && request.node.outputs[1] != kNone) {
    return decline("does not compute Indices");
  }
  const ImageLayout image = image_layout(request.input_shape(0), op.channels_last);
  const auto axes = pool_axes(op, image, op.ceil_mode);
  const DataType type = request.outputs[0].dtype;
  if (op.channels_last && request.outputs[0].shape.element_count() > 0) {
    const PoolSizes sizes{image.batch, image.channels, as_volume(axes)};
    if (type == DataType::kBFloat16) {
      return std::make_unique<ChannelsLastPool<BFloat16>>(sizes,
                                                          &HWY_DYNAMIC_DISPATCH(pool_max_bfloat16));
    }
    if (type == DataType::kInt8) {
      return std::make_unique<ChannelsLastPool<int8_t>>(sizes,
                                                        &HWY_DYNAMIC_DISPATCH(pool_max_int8));
    }
    if (type == DataType::kUInt8) {
      return std::make_unique<ChannelsLastPool<uint8_t>>(sizes,
                                                         &HWY_DYNAMIC_DISPATCH(pool_max_uint8));
    }
  }
  if (auto declined = unless_float32(request)) return *declined;
  return make(request, op.channels_last, false, false, axes);
}

Offer make_average_pool(const AveragePool& op, const KernelRequest& request) {
  if (auto declined = unless_float32(request)) return *declined;
  const ImageLayout image = image_layout(request.input_shape(0), op.channels_last);
  return make(request, op.channels_last, true, op.count_include_pad,
              pool_axes(op, image, op.ceil_mode));
}

Offer make_global_pool(const GlobalPool& op, const KernelRequest& request) {
  if (auto declined = unless_float32(request)) return *declined;
  const ImageLayout image = image_layout(request.input_shape(0), op.channels_last);
  std::vector<WindowAxis> axes;
  for (const int64_t size : image.spatial) axes.push_back({.input = size, .kernel = size});
  return make(request, op.channels_last, op.kind == GlobalPoolKind::kAverage, false, axes);
}

}  // namespace tendon::cpu
#endif
