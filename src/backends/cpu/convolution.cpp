// Conv, ConvTranspose, FusedConv and QuantizedConv on oneDNN.
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

/// [C,M/group,spatial…] with its axes as oneDNN's [O,I,spatial…].
OnednnOperand transposed_weight(const Shape& shape, int64_t group) {
  OnednnOperand weight = grouped_weight(shape, group);
  const size_t first = group > 1 ? 1 : 0;
  std::swap(weight.dims[first], weight.dims[first + 1]);
  std::swap(weight.strides[first], weight.strides[first + 1]);
  return weight;
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

/// Operands and window of a convolution whose residual is node input `residual`.
Offer make(const FusedConv& op, const KernelRequest& request, size_t residual,
           OnednnProblem problem) {
  const std::vector<WindowAxis> axes = op.axes(request.input_shape(0), request.input_shape(1));
  if (request.has_input(residual) && std::ranges::any_of(axes, has_empty_window)) {
    return decline("oneDNN {} fails on a residual where a window holds padding only",
                   onednn_version());
  }
  problem.x = image(0, request.input_shape(0), op.channels_last);
  problem.x.dtype = request.inputs[0].type.dtype;
  problem.weight = grouped_weight(request.input_shape(1), op.group);
  problem.weight.dtype = request.inputs[1].type.dtype;
  problem.y = image(0, request.outputs[0].shape, op.channels_last);
  problem.y.dtype = request.outputs[0].dtype;
  if (request.has_input(residual)) {
    problem.residual = residual;
    problem.residual_dtype = request.inputs[residual].type.dtype;
  }
  problem.threads = request.threads;
  problem.packing = request.packing;
  return onednn_convolution(problem, window_of(axes));
}

OnednnOperand bias_operand(const KernelRequest& request, size_t input) {
  return {input, {request.input_shape(input)[0]}, {1}, request.inputs[input].type.dtype};
}

Offer make_float(const FusedConv& op, const KernelRequest& request, int implementation) {
  if (auto declined = unless_float_product(request)) return *declined;
  OnednnProblem problem;
  problem.implementation = implementation;
  problem.weight_value = request.inputs[1].value;
  if (request.has_input(2)) problem.bias = bias_operand(request, 2);
  problem.activation = op.activation;
  return make(op, request, 3, std::move(problem));
}

}  // namespace

Offer make_fused_conv(const FusedConv& op, const KernelRequest& request) {
  return make_float(op, request, 0);
}

Offer make_nth_conv(const FusedConv& op, const KernelRequest& request, int implementation) {
  return make_float(op, request, implementation);
}

Offer make_conv(const Conv& op, const KernelRequest& request) {
  return make_float({{}, op, op.group, Activation::kNone, false}, request, 0);
}

Offer make_conv_transpose(const ConvTranspose& op, const KernelRequest& request) {
  if (auto declined = unless_float32(request)) return *declined;
  OnednnProblem problem;
  problem.x = image(0, request.input_shape(0), false);
  problem.y = image(0, request.outputs[0].shape, false);
  problem.weight = transposed_weight(request.input_shape(1), op.group);
  problem.weight_value = request.inputs[1].value;
  if (request.has_input(2)) problem.bias = bias_operand(request, 2);
  problem.threads = request.threads;
  problem.packing = request.packing;
  const auto axes = op.axes(request.input_shape(0), request.input_shape(1));
  OnednnWindow window = window_of(axes);
  for (size_t i = 0; i < axes.size(); ++i) {
    const WindowAxis& axis = axes[i];
    // oneDNN takes what output_padding adds, and what output_shape leaves, as a smaller pad.
    window.pads_end[i] =
        (axis.output - 1) * axis.stride + axis.extent() - axis.pad_begin - axis.input;
  }
  return onednn_deconvolution(problem, window);
}

Offer make_quantized_conv(const QuantizedConv& op, const KernelRequest& request) {
  return make_nth_int8_conv(op, request, 0);
}

Offer make_nth_int8_conv(const QuantizedConv& op, const KernelRequest& request,
                         int implementation) {
  if (auto declined = unless_quantized(request)) return *declined;
  OnednnProblem problem;
  problem.implementation = implementation;
  problem.weight_value = request.inputs[1].value;
  Tensor scale = *request.inputs[2].value;
  Tensor even;
  if (exact_weight_limit() < 127 && request.inputs[0].type.dtype == DataType::kInt8) {
    if (implementation > 0) return decline("may halve int8 weights without VNNI, or may not");
    even = *problem.weight_value;
    for (int8_t& code : even.mutable_data<int8_t>()) code = static_cast<int8_t>(2 * code);
    for (float& factor : scale.mutable_data<float>()) factor /= 2;
    problem.weight_value = &even;
  }
  problem.scales = OnednnScales{2, &scale, op.residual_scale, op.y_scale};
  if (request.has_input(3)) {
    problem.bias = bias_operand(request, 3);
    problem.bias_value = request.inputs[3].value;
  }
  problem.activation = op.activation;
  return make(op.plain(), request, 4, std::move(problem));
}

}  // namespace tendon::cpu
