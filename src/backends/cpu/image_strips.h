// Convolutions of camera frames line by line: neither a converted image nor the large result of the
// convolution is ever stored.
#pragma once

#include <algorithm>
#include <array>

#include "backends/cpu/image_lines.h"
#include "backends/cpu/support.h"
#include "ops/window.h"

namespace tendon::cpu {

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

/// Work says what happens to a line; memory is counted in words of 4 bytes:
///   const ImageLines& lines(): the sizes;
///   int64_t prepared_words(): of an input line that is prepared;
///   void border(float* to): a prepared line beyond the image;
///   void prepare(const std::byte* source, float* to): an input line over a border;
///   void convolve(const float* const* prepared, int64_t line, float* y): lines().y_elements()
///     words of the convolution's line `line`, from the kernel's prepared lines;
///   void write(const float* const* made, int64_t count, float* scratch, std::byte* y): a line of Y
///     from as many convolved lines as its pool reads, or one;
///   int64_t write_words(): of write's scratch;
///   size_t packed_bytes().
template <class Work>
class ImageStripsKernel final : public Kernel {
 public:
  ImageStripsKernel(Work work, const Images& images, int threads)
      : work_(std::move(work)),
        images_(images),
        slots_(std::min<int64_t>(images.y_lines(), int64_t{2} * std::max(1, threads))) {}

  void run(const KernelArguments& arguments) const override {
    auto* scratch = reinterpret_cast<float*>(arguments.workspace);
    parallel_for(slots_, 1, [&](int64_t begin, int64_t end) {
      for (int64_t slot = begin; slot < end; ++slot) {
        const int64_t last = images_.y_lines() * (slot + 1) / slots_;
        for (int64_t line = images_.y_lines() * slot / slots_; line < last;) {
          const int64_t image = line / images_.y_height();
          const int64_t until = std::min(last, (image + 1) * images_.y_height());
          Strip strip(*this, arguments, image, scratch + slot * scratch_words());
          strip.make(line - image * images_.y_height(), until - image * images_.y_height());
          line = until;
        }
      }
    });
  }
  size_t workspace_bytes() const override {
    return static_cast<size_t>(slots_ * scratch_words()) * sizeof(float);
  }
  bool reads_constant(size_t input) const override { return input == 0; }
  size_t packed_bytes() const override { return work_.packed_bytes(); }

 private:
  /// Of the lines of a pool's window.
  static constexpr int64_t kPoolLines = 3;

  /// Consecutive lines of one image's result.
  class Strip {
   public:
    Strip(const ImageStripsKernel& kernel, const KernelArguments& arguments, int64_t image,
          float* scratch)
        : kernel_(kernel),
          x_(static_cast<const std::byte*>(arguments.inputs[0]) + image * kernel.images_.bytes),
          y_(static_cast<std::byte*>(arguments.outputs[0])),
          first_(image * kernel.images_.y_height()),
          prepared_(scratch),
          made_(scratch + kernel.prepared_words()),
          written_(made_ + kernel.made_words()) {
      const int64_t words = kernel.work_.prepared_words();
      for (float* line = prepared_; line < made_; line += words) kernel.work_.border(line);
    }

    void make(int64_t begin, int64_t end) {
      const Images& images = kernel_.images_;
      for (int64_t line = begin; line < end; ++line) {
        std::array<const float*, kPoolLines> window{};
        int64_t count = 0;
        const int64_t from = images.pooled ? std::max<int64_t>(2 * line - 1, 0) : line;
        const int64_t until = images.pooled ? std::min(2 * line + 2, images.convolved) : line + 1;
        for (int64_t made = from; made < until; ++made) {
          const bool known = line > begin && made == 2 * line - 1;
          window[static_cast<size_t>(count++)] =
              known && images.pooled ? place_of(made) : convolve(made);
        }
        kernel_.work_.write(window.data(), count, written_,
                            y_ + (first_ + line) * kernel_.y_line_bytes());
      }
    }

   private:
    float* place_of(int64_t line) const {
      const int64_t slot = kernel_.images_.pooled ? line % kPoolLines : 0;
      return made_ + slot * kernel_.work_.lines().y_elements();
    }

    const float* convolve(int64_t line) {
      const ImageLines& lines = kernel_.work_.lines();
      std::array<const float*, ImageLines::kMostKernelLines> sources{};
      for (int64_t k = 0; k < lines.kernel_height; ++k) {
        sources[static_cast<size_t>(k)] =
            prepared(line * kernel_.images_.stride - kernel_.images_.pad_top + k);
      }
      float* const y = place_of(line);
      kernel_.work_.convolve(sources.data(), line, y);
      return y;
    }

    /// The input line, prepared unless it was for the line before.
    const float* prepared(int64_t line) {
      const ImageLines& lines = kernel_.work_.lines();
      const int64_t height = lines.kernel_height;
      const int64_t slot = (line % height + height) % height;
      float* const to = prepared_ + slot * kernel_.work_.prepared_words();
      int64_t& held = held_[static_cast<size_t>(slot)];
      if (held == line) return to;
      held = line;
      if (line < 0 || line >= lines.height) {
        kernel_.work_.border(to);
      } else {
        kernel_.work_.prepare(x_ + line * kernel_.images_.line_bytes, to);
      }
      return to;
    }

    const ImageStripsKernel& kernel_;
    const std::byte* x_;
    std::byte* y_;
    int64_t first_;
    float* prepared_;
    float* made_;
    float* written_;
    static constexpr int64_t kNothing = INT64_MIN;
    std::array<int64_t, ImageLines::kMostKernelLines> held_ = filled();
    static constexpr std::array<int64_t, ImageLines::kMostKernelLines> filled() {
      std::array<int64_t, ImageLines::kMostKernelLines> all{};
      all.fill(kNothing);
      return all;
    }
  };

  int64_t y_line_bytes() const {
    const ImageLines& lines = work_.lines();
    const int64_t width = images_.pooled ? (lines.y_width - 1) / 2 + 1 : lines.y_width;
    return width * lines.y_channels * static_cast<int64_t>(size_of(images_.y_dtype));
  }
  int64_t prepared_words() const { return work_.lines().kernel_height * work_.prepared_words(); }
  int64_t made_words() const {
    return ImageLines::round_up((images_.pooled ? kPoolLines : 1) * work_.lines().y_elements(), 16);
  }
  int64_t scratch_words() const {
    return prepared_words() + made_words() + ImageLines::round_up(work_.write_words(), 16);
  }

  Work work_;
  Images images_;
  int64_t slots_;
};

/// The sizes of a convolution of `prepared` images [N,height,width,channels].
ImageLines image_lines(const Shape& prepared, const std::vector<WindowAxis>& axes,
                       int64_t y_channels, bool channels_last);
Images images_of(const TensorType& x, const ImageLines& lines, const std::vector<WindowAxis>& axes);
/// The reason to decline other windows or more channels than such kernels take.
std::optional<Declined> unless_lines(const Shape& prepared, const std::vector<WindowAxis>& axes);

}  // namespace tendon::cpu
