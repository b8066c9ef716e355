// ImageConv: the first convolution reads camera frames as they come, and its pool the lines that it
// has just made: neither a converted image nor the large result of the convolution is ever stored.
#include <hwy/aligned_allocator.h>

#include <algorithm>
#include <array>

#include "backends/cpu/image_lines.h"
#include "backends/cpu/kernels.h"
#include "backends/cpu/support.h"
#include "backends/cpu/unary.h"

namespace tendon::cpu {
namespace {

/// Of the lines of a pool's window.
constexpr int64_t kPoolLines = 3;

/// How the lines of the images follow each other.
struct Images {
  int64_t count = 1;
  int64_t bytes = 0, line_bytes = 0;  ///< of an image and of a line of it
  int64_t stride = 1, pad_top = 0;
  int64_t convolved = 1;  ///< lines of the convolution's result
  bool pooled = false;
  DataType x_dtype = DataType::kFloat32, y_dtype = DataType::kFloat32;
  float y_scale = 1;
  /// Lines of Y in all.
  int64_t y_height() const { return pooled ? (convolved - 1) / 2 + 1 : convolved; }
  int64_t y_lines() const { return count * y_height(); }
};

class ImageConvKernel final : public Kernel {
 public:
  ImageConvKernel(const ImageLines& lines, const Images& images, int threads, const Tensor& weight,
                  const Tensor* bias)
      : lines_(planned(lines)),
        images_(images),
        slots_(std::min<int64_t>(images.y_lines(), int64_t{2} * std::max(1, threads))),
        steps_(image_line_steps(images.x_dtype, images.y_dtype)) {
    if (lines_.activation == Activation::kGelu) gelu_ = vector_function(UnaryKind::kGelu);
    pack(weight, bias);
  }

  void run(const KernelArguments& arguments) const override {
    auto* scratch = reinterpret_cast<float*>(arguments.workspace);
    parallel_for(slots_, 1, [&](int64_t begin, int64_t end) {
      for (int64_t slot = begin; slot < end; ++slot) {
        const int64_t last = images_.y_lines() * (slot + 1) / slots_;
        for (int64_t line = images_.y_lines() * slot / slots_; line < last;) {
          const int64_t image = line / images_.y_height();
          const int64_t until = std::min(last, (image + 1) * images_.y_height());
          Strip strip(*this, arguments, image, scratch + slot * scratch_elements());
          strip.make(line - image * images_.y_height(), until - image * images_.y_height());
          line = until;
        }
      }
    });
  }
  size_t workspace_bytes() const override {
    return static_cast<size_t>(slots_ * scratch_elements()) * sizeof(float);
  }
  bool reads_constant(size_t input) const override { return input == 0; }
  size_t packed_bytes() const override { return packed_elements() * sizeof(float); }

 private:
  /// Consecutive lines of one image's result.
  class Strip {
   public:
    Strip(const ImageConvKernel& kernel, const KernelArguments& arguments, int64_t image,
          float* scratch)
        : kernel_(kernel),
          x_(static_cast<const std::byte*>(arguments.inputs[0]) + image * kernel.images_.bytes),
          y_(static_cast<std::byte*>(arguments.outputs[0])),
          first_(image * kernel.images_.y_height()),
          prepared_(scratch),
          made_(scratch + kernel.lines_.kernel_height * kernel.lines_.prepared_elements()),
          finished_(made_ + kernel.made_elements()) {
      // What no input line writes is the border.
      std::fill(prepared_, made_, 0.0f);
    }

    void make(int64_t begin, int64_t end) {
      const Images& images = kernel_.images_;
      for (int64_t line = begin; line < end; ++line) {
        std::byte* const to =
            y_ + (first_ + line) * kernel_.y_line() * static_cast<int64_t>(size_of(images.y_dtype));
        const bool encodes = kernel_.steps_.encode != nullptr;
        float* const y = encodes ? finished_ : reinterpret_cast<float*>(to);
        finish(line, line == begin, y);
        if (encodes) kernel_.steps_.encode(y, to, kernel_.y_line(), images.y_scale);
      }
    }

   private:
    /// A line of Y as float32.
    void finish(int64_t line, bool first, float* y) {
      const Images& images = kernel_.images_;
      if (!images.pooled) {
        copy(convolve(line), y);
        return;
      }
      std::array<const float*, kPoolLines> window{};
      int64_t count = 0;
      const int64_t last = std::min(2 * line + 2, images.convolved);
      for (int64_t from = std::max<int64_t>(2 * line - 1, 0); from < last; ++from) {
        const bool known = !first && from == 2 * line - 1;
        window[static_cast<size_t>(count++)] = known ? made(from) : convolve(from);
      }
      kernel_.steps_.pool(kernel_.lines_, window.data(), count, y);
    }

    float* made(int64_t line) const {
      const int64_t slot = kernel_.images_.pooled ? line % kPoolLines : 0;
      return made_ + slot * kernel_.lines_.y_elements();
    }

    const float* convolve(int64_t line) {
      const ImageLines& lines = kernel_.lines_;
      std::array<const float*, ImageLines::kMostKernelLines> sources{};
      for (int64_t k = 0; k < lines.kernel_height; ++k) {
        sources[static_cast<size_t>(k)] =
            prepared(line * kernel_.images_.stride - kernel_.images_.pad_top + k);
      }
      float* const y = made(line);
      kernel_.steps_.convolve(lines, sources.data(), y);
      if (kernel_.gelu_ != nullptr) kernel_.gelu_(y, y, lines.y_elements(), 0, 0);
      return y;
    }

    /// The input line, prepared unless it was for the line before.
    const float* prepared(int64_t line) {
      const ImageLines& lines = kernel_.lines_;
      const int64_t height = lines.kernel_height;
      const int64_t slot = (line % height + height) % height;
      float* const to = prepared_ + slot * lines.prepared_elements();
      int64_t& held = held_[static_cast<size_t>(slot)];
      if (held == line) return to;
      held = line;
      if (line < 0 || line >= lines.height) {
        std::fill_n(to, lines.prepared_elements(), 0.0f);
      } else {
        kernel_.steps_.prepare(lines, x_ + line * kernel_.images_.line_bytes, to);
      }
      return to;
    }

    void copy(const float* from, float* y) const {
      const ImageLines& lines = kernel_.lines_;
      for (int64_t x = 0; x < lines.y_width; ++x) {
        std::copy_n(from + x * lines.y_step(), lines.y_channels, y + x * lines.y_channels);
      }
    }

    const ImageConvKernel& kernel_;
    const std::byte* x_;
    std::byte* y_;
    int64_t first_;
    float* prepared_;
    float* made_;
    float* finished_;
    static constexpr int64_t kNothing = INT64_MIN;
    std::array<int64_t, ImageLines::kMostKernelLines> held_ = filled();
    static constexpr std::array<int64_t, ImageLines::kMostKernelLines> filled() {
      std::array<int64_t, ImageLines::kMostKernelLines> all{};
      all.fill(kNothing);
      return all;
    }
  };

  /// Elements of a line of Y.
  int64_t y_line() const {
    const int64_t width = images_.pooled ? (lines_.y_width - 1) / 2 + 1 : lines_.y_width;
    return width * lines_.y_channels;
  }
  int64_t made_elements() const {
    return ImageLines::round_up((images_.pooled ? kPoolLines : 1) * lines_.y_elements(), 16);
  }
  int64_t scratch_elements() const {
    const int64_t finished = steps_.encode == nullptr ? 0 : ImageLines::round_up(y_line(), 16);
    return lines_.kernel_height * lines_.prepared_elements() + made_elements() + finished;
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
  Images images_;
  int64_t slots_;
  ImageLineSteps steps_;
  UnaryFunction gelu_ = nullptr;
  hwy::AlignedFreeUniquePtr<float[]> packed_;
};

}  // namespace

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
  if (axes[0].dilation != 1 || axes[1].dilation != 1) return decline("needs dilation 1");
  if (prepared[3] > ImageLines::kMostChannels || axes[0].kernel > ImageLines::kMostKernelLines ||
      axes[0].pad_begin < 0 || axes[1].pad_begin < 0) {
    return decline("needs at most {} channels, {} lines of the kernel and no negative pads",
                   ImageLines::kMostChannels, ImageLines::kMostKernelLines);
  }
  ImageLines lines;
  lines.height = prepared[1], lines.width = prepared[2], lines.channels = prepared[3];
  lines.kernel_height = axes[0].kernel, lines.kernel_width = axes[1].kernel;
  lines.stride = axes[1].stride;
  lines.pad_left = axes[1].pad_begin;
  lines.y_width = axes[1].output;
  lines.y_channels = request.input_shape(1)[0];
  lines.activation = op.activation;
  lines.pixel_step = op.channels_last ? lines.channels : 1;
  lines.channel_step = op.channels_last ? 1 : lines.height * lines.width;
  if (request.has_input(3)) {
    std::ranges::copy(request.inputs[3].value->data<float>(), lines.offset);
  }
  Images images;
  images.count = prepared[0];
  images.bytes = static_cast<int64_t>(byte_size(x)) / images.count;
  images.line_bytes = lines.width * lines.pixel_step * static_cast<int64_t>(size_of(x.dtype));
  images.stride = axes[0].stride;
  images.pad_top = axes[0].pad_begin;
  images.convolved = axes[0].output;
  images.pooled = op.pooled;
  images.x_dtype = x.dtype, images.y_dtype = request.outputs[0].dtype;
  images.y_scale = op.y_scale;
  return std::make_unique<ImageConvKernel>(
      lines, images, request.threads, *request.inputs[1].value,
      request.has_input(2) ? request.inputs[2].value : nullptr);
}

}  // namespace tendon::cpu
