// QuantizedImageConv: the first integer convolution reads camera frames as they come, and its pool
// the lines of sums that it has just made.
#include <hwy/aligned_allocator.h>

#include <algorithm>
#include <map>

#include "backends/cpu/code_lines.h"
#include "backends/cpu/image_strips.h"
#include "backends/cpu/kernels.h"
#include "backends/cpu/onednn.h"

namespace tendon::cpu {
namespace {

/// The taps [first, last) of a window that lie inside, for each place along one axis.
class TapClasses {
 public:
  TapClasses(const WindowAxis& axis, int64_t input, int64_t places) {
    std::map<std::pair<int64_t, int64_t>, uint8_t> known;
    for (int64_t place = 0; place < places; ++place) {
      const int64_t start = place * axis.stride - axis.pad_begin;
      const std::pair taps(std::clamp<int64_t>(-start, 0, axis.kernel),
                           std::clamp<int64_t>(input - start, 0, axis.kernel));
      const auto [entry, added] = known.try_emplace(taps, static_cast<uint8_t>(ranges.size()));
      if (added) ranges.push_back(taps);
      of_place.push_back(entry->second);
    }
  }
  /// At most one for each tap that the border may cut off, on either side, and one inside.
  std::vector<std::pair<int64_t, int64_t>> ranges;
  std::vector<uint8_t> of_place;
};

class CodeWork {
 public:
  CodeWork(const CodeLines& lines, const Images& images, const QuantizedImageConv& op,
           const std::vector<WindowAxis>& axes, const KernelRequest& request)
      : lines_(lines),
        steps_(code_line_steps(images.x_dtype, images.y_dtype, exact_weight_limit() == 127)) {
    steps_.plan(lines_);
    rows_ = std::make_shared<TapClasses>(axes[0], lines_.height, images.convolved);
    columns_ = std::make_shared<TapClasses>(axes[1], lines_.width,
                                            ImageLines::round_up(lines_.y_width, lines_.tile));
    lines_.row_class = rows_->of_place.data();
    lines_.column_class = columns_->of_place.data();
    lines_.column_classes = static_cast<int64_t>(columns_->ranges.size());
    const auto weight = request.inputs[1].value->data<int8_t>();
    pack_weights(weight.data());
    sum_starts(weight.data(), op.inside);
    pack_floats(*request.inputs[2].value, request.has_input(3) ? request.inputs[3].value : nullptr);
  }

  const ImageLines& lines() const { return lines_; }
  int64_t prepared_words() const { return lines_.prepared_bytes() / 4; }
  void border(float* to) const { steps_.border(lines_, to); }
  void prepare(const std::byte* source, float* to) const { steps_.prepare(lines_, source, to); }
  void convolve(const float* const* prepared, int64_t line, float* y) const {
    std::array<const void*, ImageLines::kMostKernelLines> sources{};
    std::copy_n(prepared, lines_.kernel_height, sources.begin());
    steps_.convolve(lines_, sources.data(), line, reinterpret_cast<int32_t*>(y));
  }
  void write(const float* const* made, int64_t count, float*, std::byte* y) const {
    std::array<const int32_t*, 3> sums{};
    std::transform(made, made + count, sums.begin(),
                   [](const float* line) { return reinterpret_cast<const int32_t*>(line); });
    steps_.pool(lines_, sums.data(), count, y);
  }
  int64_t write_words() const { return 0; }
  size_t packed_bytes() const {
    return sizeof(int32_t) * (weight_words() + start_words()) +
           sizeof(float) * 2 * static_cast<size_t>(lines_.y_step());
  }

 private:
  size_t weight_words() const {
    return static_cast<size_t>(lines_.panels() * lines_.kernel_height * lines_.groups() *
                               lines_.panel);
  }
  size_t start_words() const {
    return rows_->ranges.size() * columns_->ranges.size() * static_cast<size_t>(lines_.y_step());
  }
  /// Weight [M, channels + 1, kernel_height, kernel_width], 0 beyond the last channel of Y.
  int32_t weight_of(const int8_t* weight, int64_t k, int64_t channel, int64_t row,
                    int64_t column) const {
    if (k >= lines_.y_channels) return 0;
    return weight[((k * (lines_.channels + 1) + channel) * lines_.kernel_height + row) *
                      lines_.kernel_width +
                  column];
  }

  void pack_weights(const int8_t* weight) {
    weights_ = hwy::AllocateAligned<int32_t>(weight_words());
    int32_t* to = weights_.get();
    const int64_t bits = 32 / lines_.group;
    for (int64_t panel = 0; panel < lines_.panels(); ++panel) {
      for (int64_t row = 0; row < lines_.kernel_height; ++row) {
        for (int64_t g = 0; g < lines_.groups(); ++g) {
          for (int64_t i = 0; i < lines_.panel; ++i) {
            uint32_t word = 0;
            for (int64_t part = 0; part < lines_.group; ++part) {
              const int64_t tap = g * lines_.group + part;
              if (tap >= lines_.kernel_width * lines_.channels) break;
              const int32_t value = weight_of(weight, panel * lines_.panel + i,
                                              tap % lines_.channels, row, tap / lines_.channels);
              const uint32_t mask = lines_.group == 4 ? 0xffu : 0xffffu;
              word |= (static_cast<uint32_t>(value) & mask) << (bits * part);
            }
            *to++ = static_cast<int32_t>(word);
          }
        }
      }
    }
    lines_.weights_of_codes = weights_.get();
  }

  /// The channel that is `inside` in the image adds what only the place decides; the shift of the
  /// codes adds the same everywhere.
  void sum_starts(const int8_t* weight, int64_t inside) {
    starts_ = hwy::AllocateAligned<int32_t>(start_words());
    int32_t* to = starts_.get();
    for (const auto& [top, bottom] : rows_->ranges) {
      for (const auto& [left, right] : columns_->ranges) {
        for (int64_t k = 0; k < lines_.y_step(); ++k) {
          int64_t sum = 0;
          for (int64_t row = 0; row < lines_.kernel_height; ++row) {
            for (int64_t column = 0; column < lines_.kernel_width; ++column) {
              const bool in = row >= top && row < bottom && column >= left && column < right;
              if (in) sum += inside * weight_of(weight, k, lines_.channels, row, column);
              for (int64_t channel = 0; channel < lines_.channels; ++channel) {
                sum -= lines_.shift * weight_of(weight, k, channel, row, column);
              }
            }
          }
          *to++ = static_cast<int32_t>(sum);
        }
      }
    }
    lines_.starts = starts_.get();
  }

  void pack_floats(const Tensor& scale, const Tensor* bias) {
    const auto step = static_cast<size_t>(lines_.y_step());
    floats_ = hwy::AllocateAligned<float>(2 * step);
    std::fill_n(floats_.get(), 2 * step, 0.0f);
    std::ranges::copy(scale.data<float>(), floats_.get());
    if (bias != nullptr) std::ranges::copy(bias->data<float>(), floats_.get() + step);
    lines_.scale = floats_.get();
    lines_.bias = floats_.get() + step;
  }

  CodeLines lines_;
  CodeLineSteps steps_;
  std::shared_ptr<TapClasses> rows_, columns_;
  hwy::AlignedFreeUniquePtr<int32_t[]> weights_, starts_;
  hwy::AlignedFreeUniquePtr<float[]> floats_;
};

}  // namespace

Offer make_quantized_image_conv(const QuantizedImageConv& op, const KernelRequest& request) {
  if (auto declined = unless_constant_parameters(request)) return *declined;
  const TensorType& x = request.inputs[0].type;
  if (op.activation == Activation::kGelu) return decline("has Gelu, needs Relu or nothing");
  if (std::ranges::any_of(request.inputs[2].value->data<float>(),
                          [](float scale) { return !(scale > 0); })) {
    return decline("needs positive scales, so that the pool may go first");
  }
  if (request.has_input(3) && request.input_shape(3).rank() != 1) {
    return decline("needs a bias a channel, got {}", request.input_shape(3));
  }
  const Shape codes = op.codes(x.shape);
  const Shape prepared{codes[0], codes[1], codes[2], codes[3] - 1};
  const Shape& w = request.input_shape(1);
  const std::vector<WindowAxis> axes =
      window_axes(op, std::array{codes[1], codes[2]}, std::array{w[2], w[3]});
  if (auto declined = unless_lines(prepared, axes)) return *declined;
  CodeLines lines;
  static_cast<ImageLines&>(lines) =
      image_lines(prepared, axes, request.input_shape(1)[0], op.channels_last);
  lines.activation = op.activation;
  std::ranges::fill(lines.offset, op.offset);
  lines.x_scale = op.x_scale;
  lines.y_dtype = op.y_dtype;
  lines.y_scale = op.y_scale;
  Images images = images_of(x, lines, axes);
  images.pooled = true;
  images.y_dtype = op.y_dtype;
  CodeWork work(lines, images, op, axes, request);
  return std::make_unique<ImageStripsKernel<CodeWork>>(std::move(work), images, request.threads);
}

}  // namespace tendon::cpu
