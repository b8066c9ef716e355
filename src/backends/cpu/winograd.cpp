// FusedConv with 3x3 windows by Winograd's minimal filtering. Windows with stride 1 are one part;
// with stride 2 there are four, whose products add up before the outputs are made of them.
#include "backends/cpu/winograd.h"

#include "base/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/winograd.cpp"
#include <hwy/foreach_target.h>

#include "backends/cpu/winograd_block-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tendon::cpu {
namespace HWY_NAMESPACE {

int64_t winograd_panel_width() { return 2 * static_cast<int64_t>(hn::Lanes(Floats())); }
int64_t winograd_rows() { return kTileRows; }

void float_block(const WinogradBlock& block) { compute_block<UnitStride, float>(block); }
void strided_block(const WinogradBlock& block) { compute_block<StrideTwo, float>(block); }
void bfloat16_block(const WinogradBlock& block) { compute_block<UnitStride, BFloat16>(block); }
void native_bfloat16_block(const WinogradBlock& block) {
  compute_block<UnitStride, NativeBFloat16>(block);
}

}  // namespace HWY_NAMESPACE
}  // namespace tendon::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "backends/cpu/bfloat16.h"
#include "backends/cpu/kernels.h"
#include "backends/cpu/support.h"
#include "backends/cpu/winograd_parts.h"

namespace tendon::cpu {
HWY_EXPORT(winograd_panel_width);
HWY_EXPORT(winograd_rows);
HWY_EXPORT(float_block);
HWY_EXPORT(strided_block);
HWY_EXPORT(bfloat16_block);
HWY_EXPORT(native_bfloat16_block);
namespace {

using BlockFunction = void (*)(const WinogradBlock&);
BlockFunction block_function(DataType type, int64_t stride) {
  if (stride == 2) return HWY_DYNAMIC_DISPATCH(strided_block);
  if (type == DataType::kFloat32) return HWY_DYNAMIC_DISPATCH(float_block);
  return multiplies_bfloat16() ? HWY_DYNAMIC_DISPATCH(native_bfloat16_block)
                               : HWY_DYNAMIC_DISPATCH(bfloat16_block);
}

constexpr int64_t kWidestVector = 16;
constexpr int64_t kTaps = 9;
/// Fewer channels leave more to the transforms than the products save.
constexpr int64_t kLeastChannels = 32;
/// Of a direct product's multiplications, at most this share remains, by stride: tiles at the edge
/// do needless ones. With stride 2 the transforms take about a fifth of the direct product's time.
constexpr double kMostWork[] = {0.5, 0.65};
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
                 const KernelRequest& request, const Tensor* bias)
      : shape_(shape),
        tiles_(tiles),
        panel_width_(HWY_DYNAMIC_DISPATCH(winograd_panel_width)()),
        panels_(panels_of(shape)),
        type_(request.inputs[1].type.dtype),
        run_(block_function(type_, shape.stride)),
        parts_(parts) {
    shape_.rows = parts.most_rows(tiles);
    const Tensor& weight = *request.inputs[1].value;
    windows_ = request.pack(
        1, fmt::format("Winograd [panels,channels,{},{}] {}", kTaps, panel_width_, type_),
        packed_bytes(), [&](std::byte* to) {
          if (type_ == DataType::kFloat32) {
            pack(weight, reinterpret_cast<float*>(to));
          } else {
            pack(weight, reinterpret_cast<BFloat16*>(to));
          }
        });
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
  int64_t input_elements() const { return shape_.parts() * shape_.places() * shape_.input_step(); }
  int64_t product_elements() const { return shape_.places() * shape_.product_step(panel_width_); }
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
    block.windows = windows_.get();
    block.transformed = scratch;
    block.products = scratch + input_elements();
    block.places_of_windows = block.products + product_elements();
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
  void pack(const Tensor& weight, T* packed) const {
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
  SharedBytes windows_;
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
    if (axis.kernel != 3 || axis.stride > 2 || axis.stride != axes[0].stride ||
        axis.dilation != 1) {
      return decline("needs windows of 3 with stride 1 or 2 and dilation 1");
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
  shape.stride = axes[0].stride;
  if (shape.stride == 2 && request.inputs[0].type.dtype != DataType::kFloat32) {
    return decline("with stride 2 direct products of bfloat16 are faster");
  }
  const double work =
      static_cast<double>(shape.tile_rows() * shape.tile_columns() * shape.multiplications()) /
      static_cast<double>(9 * y[1] * y[2]);
  if (work > kMostWork[shape.stride - 1])
    return decline("saves too little on images of {} x {}", y[1], y[2]);
  const auto parts = [&](WinogradSplit how) {
    return winograd_parts(tiles_of(shape, x[0]), panels_of(shape), request.threads,
                          HWY_DYNAMIC_DISPATCH(winograd_rows)(), how);
  };
  if (split != WinogradSplit::kUsual && parts(split) == parts(WinogradSplit::kUsual)) {
    return decline("is simd:winograd here");
  }
  const bool half_bias =
      request.has_input(2) && request.inputs[2].type.dtype == DataType::kBFloat16;
  return std::make_unique<WinogradKernel>(shape, tiles_of(shape, x[0]), parts(split), request,
                                          half_bias ? request.inputs[2].value : nullptr);
}

}  // namespace tendon::cpu
#endif
