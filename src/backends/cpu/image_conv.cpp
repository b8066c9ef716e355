// ImageConv: the first convolution reads camera frames as they come, and its pool the lines that it
// has just made.
#include <hwy/aligned_allocator.h>

#include <algorithm>

#include "backends/cpu/image_strips.h"
#include "backends/cpu/kernels.h"
#include "backends/cpu/unary.h"

namespace tendon::cpu {
namespace {

/// A line in float32, and in codes where the result is.
class FloatWork {
 public:
  FloatWork(const ImageLines& lines, const Images& images, const Tensor& weight, const Tensor* bias)
      : lines_(planned(lines)),
        steps_(image_line_steps(images.x_dtype, images.y_dtype)),
        pooled_(images.pooled),
        y_scale_(images.y_scale) {
    if (lines_.activation == Activation::kGelu) gelu_ = vector_function(UnaryKind::kGelu);
    pack(weight, bias);
  }

  const ImageLines& lines() const { return lines_; }
  int64_t prepared_words() const { return lines_.prepared_elements(); }
  void border(float* to) const { std::fill_n(to, prepared_words(), 0.0f); }
  void prepare(const std::byte* source, float* to) const { steps_.prepare(lines_, source, to); }
  void convolve(const float* const* prepared, int64_t, float* y) const {
    steps_.convolve(lines_, prepared, y);
    if (gelu_ != nullptr) gelu_(y, y, lines_.y_elements(), 0, 0);
  }
  void write(const float* const* made, int64_t count, float* scratch, std::byte* y) const {
    float* const values = steps_.encode == nullptr ? reinterpret_cast<float*>(y) : scratch;
    if (pooled_) {
      steps_.pool(lines_, made, count, values);
    } else {
      copy(made[0], values);
    }
    if (steps_.encode != nullptr) steps_.encode(values, y, y_line(), y_scale_);
  }
  int64_t write_words() const { return steps_.encode == nullptr ? 0 : y_line(); }
  size_t packed_bytes() const { return packed_elements() * sizeof(float); }

 private:
  void copy(const float* from, float* y) const {
    for (int64_t x = 0; x < lines_.y_width; ++x) {
      std::copy_n(from + x * lines_.y_step(), lines_.y_channels, y + x * lines_.y_channels);
    }
  }
  /// Elements of a line of Y.
  int64_t y_line() const {
    return (pooled_ ? (lines_.y_width - 1) / 2 + 1 : lines_.y_width) * lines_.y_channels;
  }
  size_t packed_elements() const {
    return static_cast<size_t>(lines_.panels() * (lines_.taps() + 1) * lines_.panel);
  }

  void pack(const Tensor& weight, const Tensor* bias) {
    packed_ = hwy::AllocateAligned<float>(packed_elements());
    const float* const values = weight.data<float>().data();
    const int64_t points = lines_.kernel_height * lines_.kernel_width;
    float* to = packed_.get();
    for (int64_t panel = 0; panel < lines_.panels(); ++panel) {
      for (int64_t tap = 0; tap < lines_.taps(); ++tap) {
        const int64_t point = tap / lines_.channels, channel = tap % lines_.channels;
        for (int64_t i = 0; i < lines_.panel; ++i) {
          const int64_t k = panel * lines_.panel + i;
          *to++ = k < lines_.y_channels ? values[(k * lines_.channels + channel) * points + point]
                                        : 0.0f;
        }
      }
    }
    lines_.weights = packed_.get();
    lines_.bias = to;
    for (int64_t k = 0; k < lines_.y_step(); ++k) {
      *to++ = bias != nullptr && k < lines_.y_channels ? bias->data<float>()[static_cast<size_t>(k)]
                                                       : 0.0f;
    }
  }

  ImageLines lines_;
  ImageLineSteps steps_;
  bool pooled_;
  float y_scale_;
  UnaryFunction gelu_ = nullptr;
  hwy::AlignedFreeUniquePtr<float[]> packed_;
};

}  // namespace

std::optional<Declined> unless_lines(const Shape& prepared, const std::vector<WindowAxis>& axes) {
  if (axes[0].dilation != 1 || axes[1].dilation != 1) return decline("needs dilation 1");
  if (prepared[3] > ImageLines::kMostChannels || axes[0].kernel > ImageLines::kMostKernelLines ||
      axes[0].pad_begin < 0 || axes[1].pad_begin < 0) {
    return decline("needs at most {} channels, {} lines of the kernel and no negative pads",
                   ImageLines::kMostChannels, ImageLines::kMostKernelLines);
  }
  return std::nullopt;
}

ImageLines image_lines(const Shape& prepared, const std::vector<WindowAxis>& axes,
                       int64_t y_channels, bool channels_last) {
  ImageLines lines;
  lines.height = prepared[1], lines.width = prepared[2], lines.channels = prepared[3];
  lines.kernel_height = axes[0].kernel, lines.kernel_width = axes[1].kernel;
  lines.stride = axes[1].stride;
  lines.pad_left = axes[1].pad_begin;
  lines.y_width = axes[1].output;
  lines.y_channels = y_channels;
  lines.pixel_step = channels_last ? lines.channels : 1;
  lines.channel_step = channels_last ? 1 : lines.height * lines.width;
  return lines;
}

Images images_of(const TensorType& x, const ImageLines& lines,
                 const std::vector<WindowAxis>& axes) {
  Images images;
  images.count = x.shape[0];
  images.bytes = static_cast<int64_t>(byte_size(x)) / images.count;
  images.line_bytes = lines.width * lines.pixel_step * static_cast<int64_t>(size_of(x.dtype));
  images.stride = axes[0].stride;
  images.pad_top = axes[0].pad_begin;
  images.convolved = axes[0].output;
  images.x_dtype = x.dtype;
  return images;
}

Offer make_image_conv(const ImageConv& op, const KernelRequest& request) {
  const TensorType& x = request.inputs[0].type;
  const Shape& y = request.outputs[0].shape;
  if (x.dtype != DataType::kUInt8 && x.dtype != DataType::kFloat32) {
    return decline("needs images in uint8 or float32, got {}", x);
  }
  if (request.inputs[1].type.dtype != DataType::kFloat32) {
    return decline("computes in float32, got a weight in {}", request.inputs[1].type.dtype);
  }
  if (y.element_count() == 0) return decline("the output is empty");
  for (size_t i = 1; i < request.inputs.size(); ++i) {
    if (request.has_input(i) && request.inputs[i].value == nullptr) {
      return decline("needs constants but for the images");
    }
  }
  const Shape prepared = op.prepared(x.shape);
  const std::vector<WindowAxis> axes = op.conv().axes(prepared, request.input_shape(1));
  if (auto declined = unless_lines(prepared, axes)) return *declined;
  ImageLines lines = image_lines(prepared, axes, request.input_shape(1)[0], op.channels_last);
  lines.activation = op.activation;
  if (request.has_input(3)) {
    std::ranges::copy(request.inputs[3].value->data<float>(), lines.offset);
  }
  Images images = images_of(x, lines, axes);
  images.pooled = op.pooled;
  images.y_dtype = request.outputs[0].dtype;
  images.y_scale = op.y_scale;
  FloatWork work(lines, images, *request.inputs[1].value,
                 request.has_input(2) ? request.inputs[2].value : nullptr);
  return std::make_unique<ImageStripsKernel<FloatWork>>(std::move(work), images, request.threads);
}

}  // namespace tendon::cpu
