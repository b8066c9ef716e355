#include "ops/slice.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "ops/checks.h"
#include "ops/elements.h"

namespace tendon {
namespace {

/// `index` counted from the front and limited to [low, high], without overflow.
int64_t clamped(int64_t index, int64_t dim, int64_t low, int64_t high) {
  return std::clamp(index < 0 ? index + dim : index, low, high);
}

SliceAxis sliced(int64_t dim, int64_t start, int64_t end, int64_t step) {
  if (step == 0) fail_input("a slice has step 0");
  // The extreme value has no negation; no dimension is long enough to tell it from its neighbour.
  step = std::max(step, -std::numeric_limits<int64_t>::max());
  SliceAxis axis{0, step, 0};
  if (dim == 0) return axis;
  if (step > 0) {
    axis.start = clamped(start, dim, 0, dim);
    const int64_t length = clamped(end, dim, 0, dim) - axis.start;
    axis.count = length <= 0 ? 0 : (length - 1) / step + 1;
  } else {
    axis.start = clamped(start, dim, 0, dim - 1);
    const int64_t length = axis.start - clamped(end, dim, -1, dim - 1);
    axis.count = length <= 0 ? 0 : (length - 1) / -step + 1;
  }
  return axis;
}

}  // namespace

std::vector<SliceAxis> slice_axes(const Shape& shape, std::span<const int64_t> starts,
                                  std::span<const int64_t> ends, std::span<const int64_t> axes,
                                  std::span<const int64_t> steps) {
  std::vector<int64_t> first_axes(starts.size());
  std::iota(first_axes.begin(), first_axes.end(), 0);
  if (axes.empty()) axes = first_axes;
  if (ends.size() != starts.size() || axes.size() != starts.size() ||
      (!steps.empty() && steps.size() != starts.size())) {
    fail_input("a slice has {} starts, {} ends, {} axes and {} steps; expected as many of each",
               starts.size(), ends.size(), axes.size(), steps.size());
  }
  normalize_axes(axes, shape.rank());
  std::vector<SliceAxis> result;
  for (const int64_t dim : shape) result.push_back({0, 1, dim});
  for (size_t i = 0; i < starts.size(); ++i) {
    const int axis = normalize_axis(axes[i], shape.rank());
    result[static_cast<size_t>(axis)] =
        sliced(shape[axis], starts[i], ends[i], steps.empty() ? 1 : steps[i]);
  }
  return result;
}

std::vector<TensorType> Slice::infer(Arguments arguments) const {
  const TensorType& data = require_input(arguments, 0, "data").type;
  const auto list = [&](size_t index, std::string_view name) {
    return has_input(arguments, index) ? require_int64s(arguments, index, name)
                                       : std::vector<int64_t>{};
  };
  require_input(arguments, 1, "starts");
  require_input(arguments, 2, "ends");
  Shape shape;
  for (const SliceAxis& axis : slice_axes(data.shape, list(1, "starts"), list(2, "ends"),
                                          list(3, "axes"), list(4, "steps"))) {
    shape.push_back(axis.count);
  }
  return {{data.dtype, shape}};
}

std::vector<Tensor> Slice::reference(std::span<const Tensor> inputs) const {
  const auto list = [&](size_t index) {
    return has_input(inputs, index) ? to_int64s(inputs[index]) : std::vector<int64_t>{};
  };
  const Strides own = row_major_strides(inputs[0].shape());
  Shape shape;
  Strides strides{};
  int64_t offset = 0;
  for (const SliceAxis& axis : slice_axes(inputs[0].shape(), list(1), list(2), list(3), list(4))) {
    const size_t i = static_cast<size_t>(shape.rank());
    // A stride is used only between two elements, where it cannot overflow.
    strides[i] = axis.count > 1 ? own[i] * axis.step : 0;
    offset += own[i] * axis.start;
    shape.push_back(axis.count);
  }
  return {copy_strided(inputs[0], shape, strides, offset)};
}

}  // namespace tendon
