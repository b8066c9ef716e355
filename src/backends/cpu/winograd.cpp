// FusedConv with 3x3 windows by Winograd's minimal filtering F(4x4, 3x3) (Lavin and Gray,
// arXiv:1509.09308): a quarter of the multiplications. The polynomial's points are 0, +-sqrt(1/2),
// +-sqrt(2) and infinity instead of 0, +-1, +-2 and infinity, which rounds to a quarter of the
// error.
#include "backends/cpu/winograd.h"

#include "base/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/winograd.cpp"
#include <hwy/foreach_target.h>

#include "backends/cpu/floats-inl.h"
#include "backends/cpu/matmul_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tendon::cpu {
namespace HWY_NAMESPACE {

using Floats = hn::ScalableTag<float>;
using V = hn::Vec<Floats>;

// The points a and b; their squares are 1/2 and 2.
inline constexpr float kPointA = 0.70710678F;
inline constexpr float kPointB = 1.41421356F;

int64_t winograd_panel_width() { return 2 * static_cast<int64_t>(hn::Lanes(Floats())); }
int64_t winograd_rows() { return kTileRows; }

/// One line of 6 inputs: the coefficients of the polynomial without one of its points each.
HWY_INLINE void transform_inputs(const V in[6], V out[6]) {
  const Floats d;
  const V two = hn::Set(d, 2.0F), half = hn::Set(d, 0.5F), both = hn::Set(d, 2.5F);
  out[0] = hn::NegMulAdd(both, in[2], hn::Add(in[0], in[4]));
  const V even_a = hn::NegMulAdd(two, in[2], in[4]);
  const V odd_a = hn::Mul(hn::Set(d, kPointA), hn::NegMulAdd(two, in[1], in[3]));
  out[1] = hn::Add(even_a, odd_a);
  out[2] = hn::Sub(even_a, odd_a);
  const V even_b = hn::NegMulAdd(half, in[2], in[4]);
  const V odd_b = hn::Mul(hn::Set(d, kPointB), hn::NegMulAdd(half, in[1], in[3]));
  out[3] = hn::Add(even_b, odd_b);
  out[4] = hn::Sub(even_b, odd_b);
  out[5] = hn::NegMulAdd(both, in[3], hn::Add(in[1], in[5]));
}

/// The 4 outputs of one line of 6 products.
HWY_INLINE void transform_products(const V in[6], V out[4]) {
  const Floats d;
  const V a = hn::Set(d, kPointA), b = hn::Set(d, kPointB);
  const V two = hn::Set(d, 2.0F), half = hn::Set(d, 0.5F);
  const V sum_a = hn::Add(in[1], in[2]), sum_b = hn::Add(in[3], in[4]);
  const V odd_a = hn::Mul(a, hn::Sub(in[1], in[2])), odd_b = hn::Mul(b, hn::Sub(in[3], in[4]));
  out[0] = hn::Add(hn::Add(in[0], sum_a), sum_b);
  out[1] = hn::Add(odd_a, odd_b);
  out[2] = hn::MulAdd(two, sum_b, hn::Mul(half, sum_a));
  out[3] = hn::MulAdd(two, odd_b, hn::MulAdd(half, odd_a, in[5]));
}

/// Where a tile begins in y.
struct Place {
  int64_t image, row, column;
};
HWY_INLINE Place place_of(const WinogradBlock& block, int64_t tile) {
  const int64_t columns = block.tile_columns(), rows = block.tile_rows();
  return {tile / (columns * rows), tile / columns % rows * kWinogradOutputs,
          tile % columns * kWinogradOutputs};
}

template <class T>
HWY_NOINLINE void transform_tile(const WinogradBlock& block, int64_t tile, float* to) {
  const Floats d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const Place place = place_of(block, block.first_tile + tile);
  const int64_t top = place.row - block.pad_top, left = place.column - block.pad_left;
  const T* image =
      static_cast<const T*>(block.x) + place.image * block.height * block.width * block.channels;
  const int64_t step = block.input_step();
  for (int64_t c = 0; c < block.channels; c += lanes) {
    V half_done[6][6];
    for (int64_t i = 0; i < 6; ++i) {
      V line[6];
      const int64_t row = top + i;
      const bool row_inside = row >= 0 && row < block.height;
      const T* from = image + (row * block.width + left) * block.channels + c;
      HWY_UNROLL(6)
      for (int64_t j = 0; j < 6; ++j) {
        const bool inside = row_inside && left + j >= 0 && left + j < block.width;
        // What the next tile reads that this one does not.
        if (j >= 2) hwy::Prefetch(from + (j + 4) * block.channels);
        line[j] = inside ? load_floats(d, from + j * block.channels) : hn::Zero(d);
      }
      transform_inputs(line, half_done[i]);
    }
    for (int64_t j = 0; j < 6; ++j) {
      V line[6], done[6];
      HWY_UNROLL(6)
      for (int64_t i = 0; i < 6; ++i) line[i] = half_done[i][j];
      transform_inputs(line, done);
      HWY_UNROLL(6)
      for (int64_t i = 0; i < 6; ++i) {
        hn::StoreU(done[i], d, to + (i * 6 + j) * step + tile * block.channels + c);
      }
    }
  }
}

/// One vector of outputs of one tile: `products` are 36 vectors `step` elements apart.
template <class T>
HWY_NOINLINE void finish_tile(const WinogradBlock& block, const float* products, int64_t step,
                              int64_t first_channel, const Place& place) {
  const Floats d;
  V half_done[4][6];
  for (int64_t j = 0; j < 6; ++j) {
    V line[6], done[4];
    HWY_UNROLL(6)
    for (int64_t i = 0; i < 6; ++i) line[i] = hn::LoadU(d, products + (i * 6 + j) * step);
    transform_products(line, done);
    HWY_UNROLL(4)
    for (int64_t i = 0; i < 4; ++i) half_done[i][j] = done[i];
  }
  const V bias = block.bias != nullptr ? hn::LoadU(d, block.bias + first_channel) : hn::Zero(d);
  const T* const residual = static_cast<const T*>(block.residual);
  T* const y = static_cast<T*>(block.y);
  const int64_t rows = HWY_MIN(kWinogradOutputs, block.y_height - place.row);
  const int64_t columns = HWY_MIN(kWinogradOutputs, block.y_width - place.column);
  for (int64_t i = 0; i < rows; ++i) {
    V line[4];
    transform_products(half_done[i], line);
    int64_t at = ((place.image * block.y_height + place.row + i) * block.y_width + place.column) *
                     block.y_channels +
                 first_channel;
    for (int64_t j = 0; j < columns; ++j, at += block.y_channels) {
      V value = hn::Add(line[j], bias);
      if (residual != nullptr) value = hn::Add(value, load_floats(d, residual + at));
      if (block.activation == Activation::kRelu) {
        // Not Max, which may turn NaN into 0.
        value = hn::IfThenZeroElse(hn::Lt(value, hn::Zero(d)), value);
      }
      store_floats(d, value, y + at);
    }
  }
}

/// A line of a window: the polynomial's value at each point over the product of the point's
/// distances to the others.
HWY_INLINE void transform_window_line(V x, V y, V z, V out[6]) {
  const Floats d;
  const V even_a = hn::MulAdd(z, hn::Set(d, -1.0F / 3), hn::Mul(x, hn::Set(d, -2.0F / 3)));
  const V odd_a = hn::Mul(y, hn::Set(d, kPointA / -1.5F));
  const V even_b = hn::MulAdd(z, hn::Set(d, 1.0F / 3), hn::Mul(x, hn::Set(d, 1.0F / 6)));
  const V odd_b = hn::Mul(y, hn::Set(d, kPointB / 6));
  out[0] = x;
  out[1] = hn::Add(even_a, odd_a);
  out[2] = hn::Sub(even_a, odd_a);
  out[3] = hn::Add(even_b, odd_b);
  out[4] = hn::Sub(even_b, odd_b);
  out[5] = z;
}

/// [channels, 9, width] to 36 times [channels, width], `step` elements apart.
template <class T>
HWY_NOINLINE void transform_windows(const T* windows, int64_t channels, int64_t width, int64_t step,
                                    float* to) {
  const Floats d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t c = 0; c < channels; ++c, windows += 9 * width, to += width) {
    for (int64_t v = 0; v < width; v += lanes) {
      V half_done[3][6];
      HWY_UNROLL(3)
      for (int64_t i = 0; i < 3; ++i) {
        const T* line = windows + 3 * i * width + v;
        transform_window_line(load_floats(d, line), load_floats(d, line + width),
                              load_floats(d, line + 2 * width), half_done[i]);
      }
      for (int64_t j = 0; j < 6; ++j) {
        V done[6];
        transform_window_line(half_done[0][j], half_done[1][j], half_done[2][j], done);
        HWY_UNROLL(6)
        for (int64_t i = 0; i < 6; ++i) hn::Store(done[i], d, to + (i * 6 + j) * step + v);
      }
    }
  }
}

/// The products of `channels` channels from the first one on, whose places are `step` elements
/// apart.
HWY_INLINE void multiply_places(const WinogradBlock& block, int64_t step, int64_t first,
                                int64_t channels, int64_t width) {
  for (int64_t place = 0; place < kWinogradPlaces; ++place) {
    const float* a = block.transformed + place * block.input_step() + first;
    float* c = block.products + place * block.product_step(width);
    multiply_rows<2>(a, block.channels, block.tiles, block.places + place * step, channels, c,
                     width, first > 0, a + block.input_step());
  }
}

template <class T>
HWY_INLINE void compute_block(const WinogradBlock& block) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(Floats()));
  const int64_t width = 2 * lanes;
  const int64_t most = block.window_channels(width), step = block.window_step(width);
  for (int64_t tile = 0; tile < block.tiles; ++tile) {
    transform_tile<T>(block, tile, block.transformed);
  }
  for (int64_t panel = block.first_panel; panel < block.last_panel; ++panel) {
    for (int64_t first = 0; first < block.channels; first += most) {
      const int64_t channels = HWY_MIN(most, block.channels - first);
      transform_windows(
          static_cast<const T*>(block.windows) + (panel * block.channels + first) * 9 * width,
          channels, width, step, block.places);
      multiply_places(block, step, first, channels, width);
    }
    for (int64_t tile = 0; tile < block.tiles; ++tile) {
      const Place place = place_of(block, block.first_tile + tile);
      // The last panel may be half empty.
      const int64_t last = HWY_MIN(block.y_channels, (panel + 1) * width);
      for (int64_t channel = panel * width; channel < last; channel += lanes) {
        finish_tile<T>(block, block.products + tile * width + channel % width,
                       block.product_step(width), channel, place);
      }
    }
  }
}

void float_block(const WinogradBlock& block) { compute_block<float>(block); }
void bfloat16_block(const WinogradBlock& block) { compute_block<BFloat16>(block); }
void native_bfloat16_block(const WinogradBlock& block) { compute_block<NativeBFloat16>(block); }

}  // namespace HWY_NAMESPACE
}  // namespace tendon::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <hwy/aligned_allocator.h>

#include "backends/cpu/bfloat16.h"
#include "backends/cpu/kernels.h"
#include "backends/cpu/support.h"
#include "backends/cpu/winograd_parts.h"

namespace tendon::cpu {
HWY_EXPORT(winograd_panel_width);
HWY_EXPORT(winograd_rows);
HWY_EXPORT(float_block);
HWY_EXPORT(bfloat16_block);
HWY_EXPORT(native_bfloat16_block);
namespace {

using BlockFunction = void (*)(const WinogradBlock&);
BlockFunction block_function(DataType type) {
  if (type == DataType::kFloat32) return HWY_DYNAMIC_DISPATCH(float_block);
  return multiplies_bfloat16() ? HWY_DYNAMIC_DISPATCH(native_bfloat16_block)
                               : HWY_DYNAMIC_DISPATCH(bfloat16_block);
}

constexpr int64_t kWidestVector = 16;
constexpr int64_t kTaps = 9;
/// Fewer channels leave more to the transforms than the products save.
constexpr int64_t kLeastChannels = 32;
/// Of the multiplications that remain, at most this share: tiles at the edge do needless ones.
constexpr double kMostWork = 0.5;
int64_t tiles_of(const WinogradBlock& shape, int64_t images) {
  return images * shape.tile_rows() * shape.tile_columns();
}
int64_t panels_of(const WinogradBlock& shape) {
  const int64_t width = HWY_DYNAMIC_DISPATCH(winograd_panel_width)();
  return (shape.y_channels + width - 1) / width;
}

class WinogradKernel final : public Kernel {
 public:
  /// The bias is null where it is to be read at run time.
  WinogradKernel(const WinogradBlock& shape, int64_t tiles, const WinogradParts& parts,
                 const Tensor& weight, const Tensor* bias)
      : shape_(shape),
        tiles_(tiles),
        panel_width_(HWY_DYNAMIC_DISPATCH(winograd_panel_width)()),
        panels_(panels_of(shape)),
        type_(weight.dtype()),
        run_(block_function(type_)),
        parts_(parts) {
    shape_.rows = parts.most_rows(tiles);
    if (type_ == DataType::kFloat32) {
      pack<float>(weight);
    } else {
      pack<BFloat16>(weight);
    }
    if (bias != nullptr) bias_ = cast(*bias, DataType::kFloat32);
  }

  void run(const KernelArguments& arguments) const override {
    auto* scratch = reinterpret_cast<float*>(arguments.workspace);
    parallel_for(parts_.tiles * parts_.panels, 1, [&](int64_t begin, int64_t end) {
      for (int64_t part = begin; part < end; ++part) {
        run_part(arguments, part, scratch + part * scratch_elements());
      }
    });
  }
  size_t workspace_bytes() const override {
    return static_cast<size_t>(parts_.tiles * parts_.panels * scratch_elements()) * sizeof(float);
  }
  bool reads_constant(size_t input) const override { return input != 1 && (input != 2 || !bias_); }
  size_t packed_bytes() const override { return packed_elements() * size_of(type_); }

 private:
  int64_t input_elements() const { return kWinogradPlaces * shape_.input_step(); }
  int64_t product_elements() const { return kWinogradPlaces * shape_.product_step(panel_width_); }
  int64_t scratch_elements() const {
    return input_elements() + product_elements() + shape_.window_places(panel_width_);
  }
  size_t packed_elements() const {
    return static_cast<size_t>(panels_ * shape_.channels * kTaps * panel_width_);
  }

  void run_part(const KernelArguments& arguments, int64_t part, float* scratch) const {
    WinogradBlock block = shape_;
    block.x = arguments.inputs[0];
    block.bias = bias_ ? bias_->data<float>().data() : optional_floats(arguments, 2);
    block.residual = optional_floats(arguments, 3);
    block.y = arguments.outputs[0];
    block.windows = packed_.get();
    block.transformed = scratch;
    block.products = scratch + input_elements();
    block.places = block.products + product_elements();
    const int64_t panel_part = part % parts_.panels, tile_part = part / parts_.panels;
    block.first_panel = panels_ * panel_part / parts_.panels;
    block.last_panel = panels_ * (panel_part + 1) / parts_.panels;
    const int64_t first = tiles_ * tile_part / parts_.tiles;
    const int64_t mine = tiles_ * (tile_part + 1) / parts_.tiles - first;
    for (int64_t i = 0; i < parts_.blocks; ++i) {
      const int64_t begin = parts_.start_of_block(i, mine);
      block.first_tile = first + begin;
      block.tiles = parts_.start_of_block(i + 1, mine) - begin;
      run_(block);
    }
  }

  template <class T>
  void pack(const Tensor& weight) {
    packed_ = hwy::AllocateAligned<std::byte>(packed_bytes());
    auto* const packed = reinterpret_cast<T*>(packed_.get());
    const T* const values = weight.data<T>().data();
    parallel_for(panels_ * shape_.channels, 16, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const int64_t panel = row / shape_.channels, channel = row % shape_.channels;
        for (int64_t i = 0; i < kTaps * panel_width_; ++i) {
          const int64_t tap = i / panel_width_, k = panel * panel_width_ + i % panel_width_;
          packed[row * kTaps * panel_width_ + i] =
              k < shape_.y_channels ? values[(k * shape_.channels + channel) * kTaps + tap] : T{};
        }
      }
    });
  }

  WinogradBlock shape_;
  int64_t tiles_;
  int64_t panel_width_;
  int64_t panels_;
  DataType type_;
  BlockFunction run_;
  WinogradParts parts_;
  hwy::AlignedFreeUniquePtr<std::byte[]> packed_;
  std::optional<Tensor> bias_;
};

/// The reason to decline other types than float32 and, where direct products of it are not faster
/// still, bfloat16: a quarter of the products in float32 beats all of them at twice the rate.
std::optional<Declined> unless_computed(const KernelRequest& request) {
  if (request.inputs[0].type.dtype != DataType::kBFloat16) return unless_float32(request);
  if (auto declined = unless_bfloat16(request)) return declined;
  if (multiplies_bfloat16_tiles()) return decline("AMX computes it faster in bfloat16");
  if (request.has_input(2) && request.inputs[2].value == nullptr) {
    return decline("needs a constant bias");
  }
  return std::nullopt;
}

}  // namespace

Offer make_winograd_conv(const FusedConv& op, const KernelRequest& request, WinogradSplit split) {
  if (!request.winograd) return decline("is switched off");
  if (auto declined = unless_computed(request)) return *declined;
  const Shape& x = request.input_shape(0);
  const Shape& w = request.input_shape(1);
  const Shape& y = request.outputs[0].shape;
  if (!op.channels_last || x.rank() != 4) return decline("needs images [N,H,W,C], got {}", x);
  if (request.inputs[1].value == nullptr) return decline("needs a constant weight");
  if (op.group != 1) return decline("has {} groups, needs 1", op.group);
  if (op.activation == Activation::kGelu) return decline("has Gelu, needs Relu or nothing");
  const std::vector<WindowAxis> axes = op.axes(x, w);
  for (const WindowAxis& axis : axes) {
    if (axis.kernel != 3 || axis.stride != 1 || axis.dilation != 1) {
      return decline("needs windows of 3 with stride 1 and dilation 1");
    }
  }
  if (w[1] % kWidestVector != 0 || w[0] % kWidestVector != 0 || w[1] < kLeastChannels) {
    return decline("needs multiples of {} channels, and {} at least, got {} and {}", kWidestVector,
                   kLeastChannels, w[1], w[0]);
  }
  WinogradBlock shape;
  shape.height = x[1], shape.width = x[2], shape.channels = x[3];
  shape.y_height = y[1], shape.y_width = y[2], shape.y_channels = y[3];
  shape.pad_top = axes[0].pad_begin, shape.pad_left = axes[1].pad_begin;
  shape.activation = op.activation;
  const double work = static_cast<double>(shape.tile_rows() * shape.tile_columns()) *
                      kWinogradPlaces / static_cast<double>(9 * y[1] * y[2]);
  if (work > kMostWork) return decline("saves too little on images of {} x {}", y[1], y[2]);
  const auto parts = [&](WinogradSplit how) {
    return winograd_parts(tiles_of(shape, x[0]), panels_of(shape), request.threads,
                          HWY_DYNAMIC_DISPATCH(winograd_rows)(), how);
  };
  if (split != WinogradSplit::kUsual && parts(split) == parts(WinogradSplit::kUsual)) {
    return decline("is simd:winograd here");
  }
  const bool half_bias =
      request.has_input(2) && request.inputs[2].type.dtype == DataType::kBFloat16;
  return std::make_unique<WinogradKernel>(shape, tiles_of(shape, x[0]), parts(split),
                                          *request.inputs[1].value,
                                          half_bias ? request.inputs[2].value : nullptr);
}

}  // namespace tendon::cpu
#endif
