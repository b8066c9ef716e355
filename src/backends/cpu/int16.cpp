// QuantizedConv and QuantizedMatMul with codes and weights widened to 16 bits, for CPUs whose 8-bit
// instructions saturate: exact for all codes, twice the multiply-adds of float32 an instruction.
#include "backends/cpu/int16.h"

#include "base/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/int16.cpp"
#include <hwy/foreach_target.h>

#include "backends/cpu/int16_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tendon::cpu {
namespace HWY_NAMESPACE {

int64_t int16_panel_width() { return 2 * static_cast<int64_t>(hn::Lanes(Floats())); }

void int16_line(const Int16Line& line, const Int16Epilogue& epilogue) {
  // Tiles of nearly equal size: a line of 10 is 5 + 5, not 6 + 4.
  const int64_t tiles = (line.pixels + kTilePixels - 1) / kTilePixels;
  for (int64_t i = 0, pixel = 0; i < tiles; ++i) {
    const int64_t end = line.pixels * (i + 1) / tiles;
    tile(line, epilogue, pixel, end - pixel);
    pixel = end;
  }
}

template <class T>
HWY_INLINE void widen(const T* from, int16_t* to, int64_t count) {
  const hn::ScalableTag<int16_t> d;
  const hn::Rebind<T, hn::ScalableTag<int16_t>> codes;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    hn::StoreU(hn::PromoteTo(d, hn::LoadU(codes, from + i)), d, to + i);
  }
  for (; i < count; ++i) to[i] = from[i];
}

void int16_widen(const void* from, bool is_signed, int16_t* to, int64_t count) {
  if (is_signed) {
    widen(static_cast<const int8_t*>(from), to, count);
  } else {
    widen(static_cast<const uint8_t*>(from), to, count);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace tendon::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "backends/cpu/kernels.h"
#include "backends/cpu/onednn.h"
#include "backends/cpu/support.h"

namespace tendon::cpu {
HWY_EXPORT(int16_panel_width);
HWY_EXPORT(int16_line);
HWY_EXPORT(int16_widen);
namespace {

/// Pixels of a line where the rows of y do not matter.
constexpr int64_t kLinePixels = 48;
/// Of x: as much as is kept close while all panels pass.
constexpr int64_t kChunkBytes = 256 * 1024;

/// x [images, height, width, channels] becomes a copy of 16-bit codes with its padding, each pixel
/// of `depth` elements; y has `rows` lines of `columns` pixels an image, the last may be cut short.
struct Geometry {
  int64_t images = 1, height = 1, width = 1, channels = 1;
  int64_t pad_top = 0, pad_left = 0;
  int64_t kernel_height = 1, kernel_width = 1;
  int64_t stride_y = 1, stride_x = 1;
  int64_t rows = 1, columns = 1;
  /// Of x and of y.
  int64_t x_pixels = 1, y_pixels = 1;

  int64_t depth() const { return (channels + 1) / 2 * 2; }
  int64_t copied_height() const { return (rows - 1) * stride_y + kernel_height; }
  int64_t copied_width() const { return (columns - 1) * stride_x + kernel_width; }
  int64_t row_elements() const { return copied_width() * depth(); }
  int64_t run() const { return kernel_width * depth(); }
  int64_t lines() const { return images * rows; }
};

/// y_pixels = x_pixels, in lines of any length.
Geometry flat(int64_t pixels, int64_t channels) {
  Geometry g;
  g.height = g.rows = (pixels + kLinePixels - 1) / kLinePixels;
  g.width = g.columns = std::min(pixels, kLinePixels);
  g.channels = channels;
  g.x_pixels = g.y_pixels = pixels;
  return g;
}

std::variant<Geometry, Declined> geometry_of(const QuantizedConv& op,
                                             const KernelRequest& request) {
  const Shape& x = request.input_shape(0);
  const Shape& y = request.outputs[0].shape;
  if (!op.channels_last || x.rank() != 4) return decline("needs images [N,H,W,C], got {}", x);
  if (op.group != 1) return decline("has {} groups, needs 1", op.group);
  const std::vector<WindowAxis> axes = op.plain().axes(x, request.input_shape(1));
  for (const WindowAxis& axis : axes) {
    if (axis.dilation != 1) return decline("has a dilation of {}, needs 1", axis.dilation);
  }
  const bool pointwise = std::ranges::all_of(axes, [](const WindowAxis& axis) {
    return axis.kernel == 1 && axis.stride == 1 && axis.pad_begin == 0 && axis.pad_end == 0;
  });
  if (pointwise) return flat(extent(x, 0, 3), x[3]);
  Geometry g;
  g.images = x[0], g.height = x[1], g.width = x[2], g.channels = x[3];
  g.pad_top = axes[0].pad_begin, g.pad_left = axes[1].pad_begin;
  g.kernel_height = axes[0].kernel, g.kernel_width = axes[1].kernel;
  g.stride_y = axes[0].stride, g.stride_x = axes[1].stride;
  g.rows = y[1], g.columns = y[2];
  g.x_pixels = extent(x, 0, 3), g.y_pixels = extent(y, 0, 3);
  return g;
}

class Int16Kernel final : public Kernel {
 public:
  /// weight(column, tap, place, channel) for each place of a row of the window.
  template <class Weight>
  Int16Kernel(const Geometry& geometry, const KernelRequest& request, Int16Epilogue epilogue,
              bool bias_by_channel, const Weight& weight)
      : geometry_(geometry),
        epilogue_(epilogue),
        panel_width_(HWY_DYNAMIC_DISPATCH(int16_panel_width)()),
        line_(&HWY_DYNAMIC_DISPATCH(int16_line)),
        widen_(&HWY_DYNAMIC_DISPATCH(int16_widen)),
        is_signed_(request.inputs[0].type.dtype == DataType::kInt8),
        has_residual_(request.has_input(4)) {
    const auto padded = static_cast<size_t>(panels() * panel_width_);
    const auto scale = request.inputs[2].value->data<float>();
    scale_.assign(scale.begin(), scale.end());
    scale_.resize(padded);
    bias_.resize(padded);
    if (request.has_input(3)) {
      const auto bias = request.inputs[3].value->data<float>();
      if (bias_by_channel) {
        std::ranges::copy(bias, bias_.begin());
      } else {
        element_bias_.assign(bias.begin(), bias.end());
      }
    }
    packed_ = request.pack(1,
                           fmt::format("int16 pairs [panels,{},{},{}]", geometry_.kernel_height,
                                       geometry_.run() / 2, panel_width_),
                           static_cast<size_t>(packed_elements()) * sizeof(int32_t),
                           [&](std::byte* to) { pack(weight, reinterpret_cast<int32_t*>(to)); });
  }

  void run(const KernelArguments& arguments) const override {
    auto* copy = reinterpret_cast<int16_t*>(arguments.workspace);
    const auto* x = static_cast<const std::byte*>(arguments.inputs[0]);
    const int64_t copied_rows = geometry_.images * geometry_.copied_height();
    parallel_for(copied_rows, rows_per_task(geometry_.row_elements()),
                 [&](int64_t begin, int64_t end) {
                   for (int64_t row = begin; row < end; ++row) copy_row(x, copy, row);
                 });
    Int16Epilogue epilogue = epilogue_;
    epilogue.scale = scale_.data();
    epilogue.bias = bias_.data();
    if (!element_bias_.empty()) epilogue.element_bias = element_bias_.data();
    if (has_residual_) epilogue.residual = arguments.inputs[4];
    epilogue.y = arguments.outputs[0];
    const auto multiply = [&](int64_t first_line, int64_t last_line, int64_t first_panel,
                              int64_t last_panel) {
      multiply_lines(copy, epilogue, first_line, last_line, first_panel, last_panel);
    };
    // Threads share out what is larger, so that each reads its own part of it.
    if (packed_elements() * 2 > copied_elements()) {
      parallel_for(panels(), 1,
                   [&](int64_t begin, int64_t end) { multiply(0, geometry_.lines(), begin, end); });
    } else {
      parallel_for(geometry_.lines(), 1,
                   [&](int64_t begin, int64_t end) { multiply(begin, end, 0, panels()); });
    }
  }
  size_t workspace_bytes() const override {
    return static_cast<size_t>(copied_elements()) * sizeof(int16_t);
  }
  bool reads_constant(size_t input) const override { return input == 0 || input == 4; }
  size_t packed_bytes() const override {
    return static_cast<size_t>(packed_elements()) * sizeof(int32_t) +
           (scale_.size() + bias_.size() + element_bias_.size()) * sizeof(float);
  }

 private:
  int64_t panels() const { return (epilogue_.channels + panel_width_ - 1) / panel_width_; }
  int64_t panel_elements() const {
    return geometry_.kernel_height * geometry_.run() / 2 * panel_width_;
  }
  int64_t packed_elements() const { return panels() * panel_elements(); }
  int64_t copied_elements() const {
    return geometry_.images * geometry_.copied_height() * geometry_.row_elements();
  }

  template <class Weight>
  void pack(const Weight& weight, int32_t* to) const {
    const Geometry& g = geometry_;
    const auto code = [&](int64_t column, int64_t tap, int64_t at) -> uint32_t {
      const int64_t channel = at % g.depth();
      const bool exists = column < epilogue_.channels && channel < g.channels;
      return exists ? static_cast<uint16_t>(weight(column, tap, at / g.depth(), channel)) : 0;
    };
    for (int64_t first = 0; first < epilogue_.channels; first += panel_width_) {
      for (int64_t tap = 0; tap < g.kernel_height; ++tap) {
        for (int64_t k = 0; k < g.run(); k += 2) {
          for (int64_t column = first; column < first + panel_width_; ++column) {
            *to++ = static_cast<int32_t>(code(column, tap, k) | code(column, tap, k + 1) << 16);
          }
        }
      }
    }
  }

  void copy_row(const std::byte* x, int16_t* copy, int64_t row) const {
    const Geometry& g = geometry_;
    int16_t* to = copy + row * g.row_elements();
    const int64_t y = row % g.copied_height() - g.pad_top;
    const int64_t first = (row / g.copied_height() * g.height + y) * g.width;
    const bool inside = y >= 0 && y < g.height;
    const int64_t pixels =
        !inside ? 0
                : std::max<int64_t>(
                      0, std::min({g.width, g.copied_width() - g.pad_left, g.x_pixels - first}));
    const int64_t left = std::min(inside ? g.pad_left : g.copied_width(), g.copied_width());
    std::fill_n(to, left * g.depth(), int16_t{0});
    to += left * g.depth();
    const std::byte* from = x + first * g.channels;
    if (g.depth() == g.channels) {
      widen_(from, is_signed_, to, pixels * g.channels);
    } else {
      for (int64_t i = 0; i < pixels; ++i) {
        widen_(from + i * g.channels, is_signed_, to + i * g.depth(), g.channels);
        to[i * g.depth() + g.channels] = 0;
      }
    }
    std::fill_n(to + pixels * g.depth(), (g.copied_width() - left - pixels) * g.depth(),
                int16_t{0});
  }

  void multiply_lines(const int16_t* copy, const Int16Epilogue& epilogue, int64_t first_line,
                      int64_t last_line, int64_t first_panel, int64_t last_panel) const {
    const Geometry& g = geometry_;
    const int64_t line_bytes = g.stride_y * g.row_elements() * int64_t{sizeof(int16_t)};
    const int64_t chunk = std::max<int64_t>(1, kChunkBytes / line_bytes);
    for (int64_t begin = first_line; begin < last_line; begin += chunk) {
      const int64_t end = std::min(begin + chunk, last_line);
      for (int64_t panel = first_panel; panel < last_panel; ++panel) {
        for (int64_t line = begin; line < end; ++line) {
          line_(line_of(copy, line, panel), epilogue);
        }
      }
    }
  }

  Int16Line line_of(const int16_t* copy, int64_t line, int64_t panel) const {
    const Geometry& g = geometry_;
    const int64_t row = line / g.rows * g.copied_height() + line % g.rows * g.stride_y;
    Int16Line result;
    result.x = copy + row * g.row_elements();
    result.pixel_stride = g.stride_x * g.depth();
    result.tap_stride = g.row_elements();
    result.taps = g.kernel_height;
    result.run = g.run();
    result.panel = reinterpret_cast<const int32_t*>(packed_.get()) + panel * panel_elements();
    result.first = line * g.columns;
    result.pixels = std::min(g.columns, g.y_pixels - result.first);
    result.channel = panel * panel_width_;
    result.columns = std::min(panel_width_, epilogue_.channels - result.channel);
    return result;
  }

  Geometry geometry_;
  Int16Epilogue epilogue_;
  int64_t panel_width_;
  void (*line_)(const Int16Line&, const Int16Epilogue&);
  void (*widen_)(const void*, bool, int16_t*, int64_t);
  bool is_signed_;
  bool has_residual_;
  std::vector<float> scale_;
  std::vector<float> bias_;
  std::vector<float> element_bias_;
  SharedBytes packed_;
};

std::optional<Declined> unless_useful(const KernelRequest& request) {
  if (auto declined = unless_constant_parameters(request)) return declined;
  if (request.outputs[0].dtype == DataType::kBFloat16) return decline("does not write bfloat16");
  if (unless_quantized(request)) return std::nullopt;
  return decline("8-bit products of these weights are exact on this CPU, and faster");
}

template <class Op>
Int16Epilogue epilogue_of(const Op& op, const KernelRequest& request) {
  Int16Epilogue epilogue;
  if (request.has_input(4)) epilogue.residual_dtype = request.inputs[4].type.dtype;
  epilogue.residual_scale = op.residual_scale;
  epilogue.activation = op.activation;
  epilogue.y_dtype = op.y_dtype;
  epilogue.y_scale = op.y_scale;
  epilogue.channels = request.input_shape(2)[0];
  return epilogue;
}

}  // namespace

Offer make_int16_conv(const QuantizedConv& op, const KernelRequest& request) {
  if (auto declined = unless_useful(request)) return *declined;
  auto geometry = geometry_of(op, request);
  if (auto* declined = std::get_if<Declined>(&geometry)) return *declined;
  const Shape& w = request.input_shape(1);
  const auto codes = request.inputs[1].value->data<int8_t>();
  return std::make_unique<Int16Kernel>(
      std::get<Geometry>(geometry), request, epilogue_of(op, request), true,
      [&](int64_t column, int64_t tap, int64_t place, int64_t channel) -> int16_t {
        return codes[static_cast<size_t>(((column * w[1] + channel) * w[2] + tap) * w[3] + place)];
      });
}

Offer make_int16_matmul(const QuantizedMatMul& op, const KernelRequest& request) {
  if (auto declined = unless_useful(request)) return *declined;
  const Shape& a = request.input_shape(0);
  const Shape& b = request.input_shape(1);
  if (b.rank() != 2) return decline("needs a weight [K,N], got {}", b);
  const auto by_channel_bias = bias_is_by_channel(request);
  if (const auto* declined = std::get_if<Declined>(&by_channel_bias)) return *declined;
  const auto codes = request.inputs[1].value->data<int8_t>();
  const int64_t by_column = op.trans_b ? b[1] : 1, by_channel = op.trans_b ? 1 : b[1];
  return std::make_unique<Int16Kernel>(
      flat(extent(a, 0, a.rank() - 1), a.back()), request, epilogue_of(op, request),
      std::get<bool>(by_channel_bias),
      [&](int64_t column, int64_t, int64_t, int64_t channel) -> int16_t {
        return codes[static_cast<size_t>(column * by_column + channel * by_channel)];
      });
}

}  // namespace tendon::cpu
#endif
