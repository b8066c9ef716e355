#include "backends/cpu/support.h"

#include <cstdlib>

#include "backends/cpu/bfloat16.h"
#include "backends/cpu/onednn.h"

namespace tendon::cpu {

namespace {

/// `allowed` is asked of each present tensor's index among all of its side and its type.
template <class Test>
std::optional<Declined> unless_types(const KernelRequest& request, DataType wanted,
                                     const Test& allowed) {
  const auto check = [&](std::string_view what, size_t index,
                         const TensorType& type) -> std::optional<Declined> {
    if (!allowed(what, index, type.dtype)) {
      return decline("needs {}, {} {} is {}", wanted, what, index, type.dtype);
    }
    if (type.shape.element_count() == 0) return decline("{} {} is empty", what, index);
    return std::nullopt;
  };
  for (size_t i = 0; i < request.inputs.size(); ++i) {
    if (!request.has_input(i)) continue;
    if (auto declined = check("input", i, request.inputs[i].type)) return declined;
  }
  for (size_t i = 0; i < request.outputs.size(); ++i) {
    if (auto declined = check("output", i, request.outputs[i])) return declined;
  }
  return std::nullopt;
}

std::optional<Declined> unless_all(const KernelRequest& request, DataType wanted) {
  return unless_types(request, wanted,
                      [&](std::string_view, size_t, DataType type) { return type == wanted; });
}

}  // namespace

std::optional<Declined> unless_float32(const KernelRequest& request) {
  return unless_all(request, DataType::kFloat32);
}

std::optional<Declined> unless_bfloat16(const KernelRequest& request) {
  return unless_all(request, DataType::kBFloat16);
}

std::optional<Declined> unless_float_product(const KernelRequest& request) {
  if (request.inputs[0].type.dtype != DataType::kBFloat16) return unless_float32(request);
  if (!has_bfloat16()) return decline("this CPU has no bfloat16 instructions");
  return unless_types(
      request, DataType::kBFloat16, [](std::string_view what, size_t index, DataType type) {
        const bool factor = what == "input" && index < 2;
        return type == DataType::kBFloat16 || (type == DataType::kFloat32 && !factor);
      });
}

std::optional<Declined> unless_constant_parameters(const KernelRequest& request) {
  if (request.outputs[0].shape.element_count() == 0) return decline("output 0 is empty");
  const auto is_half = [](const TensorType& type) { return type.dtype == DataType::kFloat16; };
  if (is_half(request.outputs[0]) ||
      std::ranges::any_of(request.inputs, [&](const Argument& input) {
        return input.present && is_half(input.type);
      })) {
    return decline("has no float16 arithmetic");
  }
  if (request.has_input(3) && request.inputs[3].type.dtype != DataType::kFloat32) {
    return decline("needs a float32 bias, got {}", request.inputs[3].type);
  }
  for (const size_t i : {size_t{1}, size_t{2}, size_t{3}}) {
    if (request.has_input(i) && request.inputs[i].value == nullptr) {
      return decline("needs input {} to be a constant", i);
    }
  }
  return std::nullopt;
}

std::variant<bool, Declined> bias_is_by_channel(const KernelRequest& request) {
  if (!request.has_input(3)) return false;
  const Shape& bias = request.input_shape(3);
  const int64_t channels = request.input_shape(2)[0];
  if (bias.element_count() == channels && bias.back() == channels) return true;
  if (bias == request.outputs[0].shape) return false;
  return decline("needs a bias a channel or of the result's shape, got {}", bias);
}

std::optional<Declined> unless_quantized(const KernelRequest& request) {
  if (auto declined = unless_constant_parameters(request)) return declined;
  if (request.has_input(4)) {
    const DataType residual = request.inputs[4].type.dtype;
    const DataType result = request.outputs[0].dtype;
    if (size_of(residual) != size_of(result)) {
      return decline("sums a residual in place, but that is {} and the result {}", residual,
                     result);
    }
  }
  if (request.outputs[0].dtype == DataType::kBFloat16 && !has_bfloat16()) {
    return decline("this CPU has no bfloat16 instructions");
  }
  const int limit = exact_weight_limit();
  // With VNNI every code is exact, and weights that were packed before are not read here.
  if (limit == 127) return std::nullopt;
  for (const int8_t code : request.inputs[1].value->data<int8_t>()) {
    if (std::abs(code) > limit) {
      return decline("has a weight of {}; without VNNI sums of two products saturate above {}",
                     code, limit);
    }
  }
  return std::nullopt;
}

}  // namespace tendon::cpu
