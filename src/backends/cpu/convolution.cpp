// Conv and FusedConv on oneDNN.
#include "backends/cpu/kernels.h"
#include "backends/cpu/onednn.h"

namespace tendon::cpu {
namespace {

/// An image batch with its axes as N, C, spatial… whatever the layout in memory.
OnednnOperand image(size_t input, const Shape& shape, bool channels_last) {
  std::vector<int64_t> dims(shape.begin(), shape.end());
  std::vector<int64_t> strides = dense_strides(dims);
  if (channels_last) {
    std::rotate(dims.begin() + 1, dims.end() - 1, dims.end());
    std::rotate(strides.begin() + 1, strides.end() - 1, strides.end());
  }
  return {input, std::move(dims), std::move(strides)};
}

OnednnOperand grouped_weight(const Shape& shape, int64_t group) {
  std::vector<int64_t> dims(shape.begin(), shape.end());
  if (group > 1) {
    dims[0] /= group;
    dims.insert(dims.begin(), group);
  }
  std::vector<int64_t> strides = dense_strides(dims);
  return {1, std::move(dims), std::move(strides)};
}

OnednnWindow window_of(std::span<const WindowAxis> axes) {
  OnednnWindow window;
  for (const WindowAxis& axis : axes) {
    window.strides.push_back(axis.stride);
    window.dilations.push_back(axis.dilation);
    window.pads_begin.push_back(axis.pad_begin);
    window.pads_end.push_back(axis.pad_end);
  }
  return window;
}

/// Whether some window of the axis holds padding only.
bool has_empty_window(const WindowAxis& axis) {
  for (int64_t o = 0; o < axis.output; ++o) {
    bool reads = false;
    for (int64_t k = 0; k < axis.kernel && !reads; ++k) {
      const int64_t i = o * axis.stride - axis.pad_begin + k * axis.dilation;
      reads = i >= 0 && i < axis.input;
    }
    if (!reads) return true;
  }
  return false;
}

Offer make(const FusedConv& op, const KernelRequest& request) {
  if (auto declined = unless_float32(request)) return *declined;
  const std::vector<WindowAxis> axes = op.axes(request.input_shape(0), request.input_shape(1));
  if (request.has_input(3) && std::ranges::any_of(axes, has_empty_window)) {
    return decline("oneDNN {} fails on a residual where a window holds padding only",
                   onednn_version());
  }
  OnednnProblem problem;
  problem.x = image(0, request.input_shape(0), op.channels_last);
  problem.weight = grouped_weight(request.input_shape(1), op.group);
  problem.y = image(0, request.outputs[0].shape, op.channels_last);
  if (request.has_input(2)) problem.bias = OnednnOperand{2, {request.input_shape(2)[0]}, {1}};
  if (request.has_input(3)) problem.residual = 3;
  problem.activation = op.activation;
  problem.weight_value = request.inputs[1].value;
  problem.threads = request.threads;
  return onednn_convolution(problem, window_of(axes));
}

}  // namespace

Offer make_fused_conv(const FusedConv& op, const KernelRequest& request) {
  return make(op, request);
}

Offer make_conv(const Conv& op, const KernelRequest& request) {
  return make({{}, op, op.group, Activation::kNone, false}, request);
}

}  // namespace tendon::cpu
