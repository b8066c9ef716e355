// Operators that only move elements: Transpose, Slice, Expand, Concat.
#include <algorithm>
#include <utility>

#include "backends/cuda/copy_parameters.h"
#include "backends/cuda/kernels.h"
#include "backends/cuda/support.h"
#include "ops/broadcast.h"

namespace tendon::cuda {
namespace {

/// One walk over `sizes` that reads with one set of steps and writes with another, in elements.
struct Walk {
  std::vector<int64_t> sizes, x_steps, y_steps;
  int64_t x_first = 0, y_first = 0;
};

struct PlannedCopy {
  CopyParameters parameters{};
  int64_t width = 1;                  ///< elements that are moved at once
  size_t x_offset = 0, y_offset = 0;  ///< bytes
};

/// Joins axes and moves up to `most_width` elements at once. Nothing where too many axes are left.
std::optional<PlannedCopy> plan_copy(const Walk& walk, size_t element, int64_t most_width) {
  std::vector<int64_t> sizes, from, to;
  for (size_t i = walk.sizes.size(); i-- > 0;) {
    if (walk.sizes[i] == 1) continue;
    if (!sizes.empty() && walk.x_steps[i] == from.back() * sizes.back() &&
        walk.y_steps[i] == to.back() * sizes.back()) {
      sizes.back() *= walk.sizes[i];
      continue;
    }
    sizes.push_back(walk.sizes[i]);
    from.push_back(walk.x_steps[i]);
    to.push_back(walk.y_steps[i]);
  }
  if (sizes.size() > kCopyAxes) return std::nullopt;
  int64_t width = 1;
  if (!sizes.empty() && from[0] == 1 && to[0] == 1) {
    const auto fits = [&](int64_t wider) {
      if (sizes[0] % wider != 0 || walk.x_first % wider != 0 || walk.y_first % wider != 0) {
        return false;
      }
      for (size_t i = 1; i < sizes.size(); ++i) {
        if (from[i] % wider != 0 || to[i] % wider != 0) return false;
      }
      return true;
    };
    while (width * 2 <= most_width && fits(width * 2)) width *= 2;
    sizes[0] /= width;
    for (size_t i = 1; i < sizes.size(); ++i) {
      from[i] /= width;
      to[i] /= width;
    }
  }
  PlannedCopy copy;
  CopyParameters& p = copy.parameters;
  std::fill_n(p.sizes, kCopyAxes, 1);
  int64_t count = 1;
  for (size_t i = 0; i < sizes.size(); ++i) {
    const size_t axis = kCopyAxes - 1 - i;
    p.sizes[axis] = static_cast<int>(sizes[i]);
    p.x_steps[axis] = static_cast<int>(from[i]);
    p.y_steps[axis] = static_cast<int>(to[i]);
    count *= sizes[i];
  }
  p.count = static_cast<unsigned>(count);
  copy.width = width;
  copy.x_offset = static_cast<size_t>(walk.x_first) * element;
  copy.y_offset = static_cast<size_t>(walk.y_first) * element;
  return copy;
}

/// One copy for each input, of equal width; a few of them in one launch. What lies where it would
/// be copied to is left there.
class CopyKernel final : public CudaKernel {
 public:
  /// `bytes` are moved at once. An input of which `in_blocks` is true is copied to one place.
  CopyKernel(const KernelRequest& request, std::vector<PlannedCopy> copies, size_t bytes,
             bool in_blocks)
      : CudaKernel(request), copies_(std::move(copies)), in_blocks_(in_blocks) {
    for (size_t i = 0; i < copies_.size(); ++i) inputs_.emplace_back(request, i);
    function_ = device_.function("copy", fmt::format("copy_{}", bytes));
  }
  std::optional<size_t> place_in_output(size_t input) const override {
    if (!in_blocks_) return std::nullopt;
    return copies_[input].y_offset;
  }
  void run(const KernelArguments& arguments) const override {
    CopiesParameters p{};
    size_t count = 0;
    for (size_t i = 0; i < copies_.size(); ++i) {
      const PlannedCopy& copy = copies_[i];
      const auto* const from =
          static_cast<const std::byte*>(inputs_[i].in(arguments)) + copy.x_offset;
      std::byte* const to = static_cast<std::byte*>(arguments.outputs[0]) + copy.y_offset;
      if (copy.parameters.count == 0 || (in_blocks_ && from == to)) continue;
      p.copies[count] = copy.parameters;
      p.copies[count].x = from;
      p.copies[count].y = to;
      if (++count == kMostCopies) launch_all(p, std::exchange(count, 0), arguments);
    }
    if (count > 0) launch_all(p, count, arguments);
  }

 private:
  void launch_all(CopiesParameters& p, size_t count, const KernelArguments& arguments) const {
    const auto copies = std::span(p.copies).first(count);
    Launch all = launch_for(function_, std::ranges::max(copies, {}, &CopyParameters::count).count);
    all.grid.y = static_cast<unsigned>(count);
    launch(all, p, arguments);
  }

  std::vector<PlannedCopy> copies_;
  bool in_blocks_;
  std::vector<Source> inputs_;
  CUfunction function_;
};

std::vector<int64_t> to_vector(const Strides& strides, int rank) {
  return {strides.begin(), strides.begin() + rank};
}

Offer make(const KernelRequest& request, const std::vector<Walk>& walks, bool in_blocks = false) {
  if (auto declined = unless_small(request)) return *declined;
  const size_t element = size_of(request.outputs[0].dtype);
  auto width = static_cast<int64_t>(16 / element);
  std::vector<PlannedCopy> copies;
  // The second time all move what the least of them can move at once.
  for (int round = 0; round < 2; ++round) {
    copies.clear();
    for (const Walk& walk : walks) {
      auto copy = plan_copy(walk, element, width);
      if (!copy) return decline("needs at most {} axes that move apart", kCopyAxes);
      if (copy->parameters.count > 0) width = std::min(width, copy->width);
      copies.push_back(*copy);
    }
  }
  return std::make_unique<CopyKernel>(request, std::move(copies),
                                      static_cast<size_t>(width) * element, in_blocks);
}

std::vector<int64_t> constant_list(const KernelRequest& request, size_t input) {
  return request.has_input(input) ? to_int64s(*request.inputs[input].value)
                                  : std::vector<int64_t>();
}

class InterleaveKernel final : public CudaKernel {
 public:
  InterleaveKernel(const KernelRequest& request, const InterleaveParameters& parameters)
      : CudaKernel(request), parameters_(parameters), x_(request, 0) {
    const size_t width = size_of(request.outputs[0].dtype);
    launch_ = launch_for(device_.function("copy", fmt::format("interleave_{}", width)),
                         int64_t{parameters.batch} * parameters.points / 4);
  }
  void run(const KernelArguments& arguments) const override {
    InterleaveParameters p = parameters_;
    p.x = x_.in(arguments);
    p.y = arguments.outputs[0];
    launch(launch_, p, arguments);
  }

 private:
  InterleaveParameters parameters_;
  Source x_;
  Launch launch_;
};

}  // namespace

Offer make_interleave(const Transpose& op, const KernelRequest& request) {
  if (auto declined = unless_small(request)) return *declined;
  const Shape& x = request.input_shape(0);
  const size_t width = size_of(request.outputs[0].dtype);
  if (x.rank() < 3 || x[1] != 3 || (width != 2 && width != 4)) {
    return decline("needs images of 3 channels first, with elements of 2 or 4 bytes, got {}", x);
  }
  std::vector<int64_t> last;
  for (int axis = 0; axis < x.rank(); ++axis) {
    if (axis != 1) last.push_back(axis);
  }
  last.push_back(1);
  if (op.permutation(x.rank()) != last) return decline("needs channels to become the last axis");
  const int64_t points = x.element_count() == 0 ? 0 : x.element_count() / (x[0] * 3);
  if (points == 0 || points % 4 != 0) {
    return decline("needs a multiple of 4 pixels, got {}", points);
  }
  return std::make_unique<InterleaveKernel>(
      request,
      InterleaveParameters{nullptr, nullptr, static_cast<int>(x[0]), static_cast<int>(points)});
}

Offer make_transpose(const Transpose& op, const KernelRequest& request) {
  const Shape& x = request.input_shape(0);
  const Shape& y = request.outputs[0].shape;
  const Strides strides = row_major_strides(x);
  Walk walk{{y.begin(), y.end()}, {}, to_vector(row_major_strides(y), y.rank())};
  for (const int64_t axis : op.permutation(x.rank())) {
    walk.x_steps.push_back(strides[static_cast<size_t>(axis)]);
  }
  return make(request, {walk});
}

Offer make_expand(const Expand&, const KernelRequest& request) {
  const Shape& y = request.outputs[0].shape;
  return make(request, {{{y.begin(), y.end()},
                         to_vector(broadcast_strides(request.input_shape(0), y), y.rank()),
                         to_vector(row_major_strides(y), y.rank())}});
}

Offer make_slice(const Slice&, const KernelRequest& request) {
  const Shape& x = request.input_shape(0);
  const Shape& y = request.outputs[0].shape;
  for (size_t i = 1; i < request.inputs.size(); ++i) {
    if (request.has_input(i) && request.inputs[i].value == nullptr) {
      return decline("needs constant bounds");
    }
  }
  const auto axes = slice_axes(x, constant_list(request, 1), constant_list(request, 2),
                               constant_list(request, 3), constant_list(request, 4));
  const Strides strides = row_major_strides(x);
  Walk walk{{y.begin(), y.end()}, {}, to_vector(row_major_strides(y), y.rank())};
  for (size_t i = 0; i < axes.size(); ++i) {
    walk.x_steps.push_back(strides[i] * axes[i].step);
    walk.x_first += strides[i] * axes[i].start;
  }
  return make(request, {walk});
}

Offer make_concat(const Concat& op, const KernelRequest& request) {
  const Shape& y = request.outputs[0].shape;
  const Strides strides = row_major_strides(y);
  const int axis = normalize_axis(op.axis, y.rank());
  std::vector<Walk> walks;
  int64_t first = 0;
  for (size_t i = 0; i < request.inputs.size(); ++i) {
    const Shape& x = request.input_shape(i);
    walks.push_back({{x.begin(), x.end()},
                     to_vector(row_major_strides(x), x.rank()),
                     to_vector(strides, y.rank()),
                     0,
                     first * strides[static_cast<size_t>(axis)]});
    first += x[axis];
  }
  const auto outer = y.dims().first(static_cast<size_t>(axis));
  return make(request, walks, std::ranges::all_of(outer, [](int64_t size) { return size == 1; }));
}

}  // namespace tendon::cuda
