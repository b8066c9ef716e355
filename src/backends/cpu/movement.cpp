// Transpose, Expand, Tile and Slice: operators that read their input with other strides.
#include "backends/cpu/kernels.h"
#include "backends/cpu/strided_copy.h"

namespace tendon::cpu {
namespace {

bool is_empty(const KernelRequest& request) {
  return request.outputs[0].shape.element_count() == 0;
}

StridedCopy copy_of(const KernelRequest& request, int64_t offset = 0) {
  return StridedCopy(size_of(request.outputs[0].dtype), offset);
}

Offer make(StridedCopy copy) { return std::make_unique<StridedCopyKernel>(std::move(copy)); }

std::vector<int64_t> known_int64s(const KernelRequest& request, size_t input) {
  return request.has_input(input) ? to_int64s(*request.inputs[input].value)
                                  : std::vector<int64_t>{};
}

}  // namespace

Offer make_transpose(const Transpose& op, const KernelRequest& request) {
  if (is_empty(request)) return decline("the output is empty");
  const Shape& shape = request.input_shape(0);
  const Strides strides = row_major_strides(shape);
  StridedCopy copy = copy_of(request);
  for (const int64_t axis : op.permutation(shape.rank())) {
    copy.push_axis(shape[static_cast<int>(axis)], strides[static_cast<size_t>(axis)]);
  }
  return make(std::move(copy));
}

Offer make_expand(const Expand&, const KernelRequest& request) {
  if (is_empty(request)) return decline("the output is empty");
  const Shape& output = request.outputs[0].shape;
  const Strides strides = broadcast_strides(request.input_shape(0), output);
  StridedCopy copy = copy_of(request);
  for (int axis = 0; axis < output.rank(); ++axis) {
    copy.push_axis(output[axis], strides[static_cast<size_t>(axis)]);
  }
  return make(std::move(copy));
}

Offer make_tile(const Tile&, const KernelRequest& request) {
  if (is_empty(request)) return decline("the output is empty");
  const Shape& shape = request.input_shape(0);
  const Strides strides = row_major_strides(shape);
  StridedCopy copy = copy_of(request);
  for (int axis = 0; axis < shape.rank(); ++axis) {
    copy.push_axis(request.outputs[0].shape[axis] / shape[axis], 0);
    copy.push_axis(shape[axis], strides[static_cast<size_t>(axis)]);
  }
  return make(std::move(copy));
}

Offer make_slice(const Slice&, const KernelRequest& request) {
  if (is_empty(request)) return decline("the output is empty");
  for (size_t i = 1; i < request.inputs.size(); ++i) {
    if (request.has_input(i) && request.inputs[i].value == nullptr) {
      return decline("needs constant starts, ends, axes and steps");
    }
  }
  const Shape& shape = request.input_shape(0);
  const auto axes = slice_axes(shape, known_int64s(request, 1), known_int64s(request, 2),
                               known_int64s(request, 3), known_int64s(request, 4));
  const Strides strides = row_major_strides(shape);
  int64_t offset = 0;
  for (size_t i = 0; i < axes.size(); ++i) offset += axes[i].start * strides[i];
  StridedCopy copy = copy_of(request, offset);
  for (size_t i = 0; i < axes.size(); ++i) {
    copy.push_axis(axes[i].count, axes[i].step * strides[i]);
  }
  return make(std::move(copy));
}

}  // namespace tendon::cpu
