// GridSample in float32: what a block of points reads is found once, then every channel reads it.
#include <array>

#include "backends/cpu/kernels.h"
#include "backends/cpu/support.h"
#include "ops/grid_axis.h"
#include "ops/window.h"

namespace tendon::cpu {
namespace {

constexpr int64_t kBlock = 16;
/// Four places an axis.
constexpr int64_t kMostReads = 64;

/// The places of an image that some neighbouring points of the grid read.
struct Reads {
  std::array<int64_t, kBlock + 1> first{};
  std::array<int64_t, kBlock * kMostReads> index;
  std::array<float, kBlock * kMostReads> weight;

  void add(int64_t point, const std::array<GridTaps, 3>& taps,
           const std::array<int64_t, 3>& sizes) {
    auto last = static_cast<size_t>(first[static_cast<size_t>(point)]);
    for_each(taps[0], [&](int64_t d, double depth) {
      for_each(taps[1], [&](int64_t h, double height) {
        for_each(taps[2], [&](int64_t w, double width) {
          index[last] = (d * sizes[1] + h) * sizes[2] + w;
          weight[last++] = static_cast<float>(depth * height * width);
        });
      });
    });
    first[static_cast<size_t>(point) + 1] = static_cast<int64_t>(last);
  }

  float sum(const float* x, int64_t point) const {
    float sum = 0;
    const auto end = static_cast<size_t>(first[static_cast<size_t>(point) + 1]);
    for (auto i = static_cast<size_t>(first[static_cast<size_t>(point)]); i < end; ++i) {
      sum += weight[i] * x[index[i]];
    }
    return sum;
  }

 private:
  template <class Visit>
  static void for_each(const GridTaps& axis, const Visit& visit) {
    for (size_t i = 0; i < static_cast<size_t>(axis.count); ++i) {
      if (axis.index[i] >= 0) visit(axis.index[i], axis.weight[i]);
    }
  }
};

class GridSampleKernel final : public Kernel {
 public:
  GridSampleKernel(const GridSample& op, const ImageLayout& image, int64_t points)
      : op_(op), image_(image), points_(points) {
    std::ranges::copy(image.spatial, sizes_.end() - std::ssize(image.spatial));
    for (const int64_t size : image.spatial) axes_.emplace_back(op_, size);
  }

  void run(const KernelArguments& arguments) const override {
    const float* x = floats(arguments, 0);
    const float* grid = floats(arguments, 1);
    float* y = output_floats(arguments);
    const int64_t blocks = (points_ + kBlock - 1) / kBlock;
    parallel_for(image_.batch * blocks, rows_per_task(kBlock * image_.channels),
                 [&](int64_t begin, int64_t end) {
                   for (int64_t i = begin; i < end; ++i) {
                     run_block(x, grid, y, i / blocks, i % blocks * kBlock);
                   }
                 });
  }

 private:
  void run_block(const float* x, const float* grid, float* y, int64_t n, int64_t start) const {
    const int64_t count = std::min(kBlock, points_ - start);
    const size_t rank = axes_.size();
    std::array<GridTaps, 3> taps;
    for (GridTaps& axis : taps) axis.add(0, 1);
    Reads reads;
    for (int64_t point = 0; point < count; ++point) {
      const float* at = grid + (n * points_ + start + point) * static_cast<int64_t>(rank);
      for (size_t i = 0; i < rank; ++i) taps[2 - i] = axes_[rank - 1 - i].taps(at[i]);
      reads.add(point, taps, sizes_);
    }
    for (int64_t c = n * image_.channels; c < (n + 1) * image_.channels; ++c) {
      const float* channel = x + c * image_.points;
      float* to = y + c * points_ + start;
      for (int64_t point = 0; point < count; ++point) to[point] = reads.sum(channel, point);
    }
  }

  GridSample op_;
  ImageLayout image_;
  int64_t points_;
  std::array<int64_t, 3> sizes_{1, 1, 1};
  std::vector<GridAxis> axes_;
};

}  // namespace

Offer make_grid_sample(const GridSample& op, const KernelRequest& request) {
  if (auto declined = unless_float32(request)) return *declined;
  const Shape& y = request.outputs[0].shape;
  return std::make_unique<GridSampleKernel>(op, image_layout(request.input_shape(0), false),
                                            extent(y, 2, y.rank()));
}

}  // namespace tendon::cpu
