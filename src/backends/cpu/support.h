// Small helpers that every kernel file of this folder uses.
#pragma once

#include <algorithm>

#include "base/format.h"
#include "base/parallel.h"
#include "engine/kernel.h"

namespace tendon::cpu {

template <class... Args>
Declined decline(fmt::format_string<Args...> text, Args&&... args) {
  return {fmt::format(text, std::forward<Args>(args)...)};
}

/// The reason to decline unless all present inputs and outputs are float32 and none is empty.
std::optional<Declined> unless_float32(const KernelRequest& request);
/// The same with bfloat16.
std::optional<Declined> unless_bfloat16(const KernelRequest& request);

/// The same, or all are bfloat16, which this CPU then must multiply; beside bfloat16 inputs 0 and 1
/// the others may be float32.
std::optional<Declined> unless_float_product(const KernelRequest& request);

/// The reason to decline a QuantizedConv or QuantizedMatMul unless weight, scale and bias are
/// constants and nothing is empty.
std::optional<Declined> unless_constant_parameters(const KernelRequest& request);
/// The same, and unless a residual has elements as wide as the result's and 8-bit products of the
/// weight are exact on this CPU.
std::optional<Declined> unless_quantized(const KernelRequest& request);

/// Whether the bias (input 3) of a QuantizedConv or QuantizedMatMul has one element a channel;
/// false where it has y's shape or is left out. Declines any other.
std::variant<bool, Declined> bias_is_by_channel(const KernelRequest& request);

inline const float* floats(const KernelArguments& arguments, size_t input) {
  return static_cast<const float*>(arguments.inputs[input]);
}
/// Null for an optional input that is left out.
inline const float* optional_floats(const KernelArguments& arguments, size_t input) {
  return input < arguments.inputs.size() ? floats(arguments, input) : nullptr;
}
inline const BFloat16* halves(const KernelArguments& arguments, size_t input) {
  return static_cast<const BFloat16*>(arguments.inputs[input]);
}
inline BFloat16* output_halves(const KernelArguments& arguments, size_t output = 0) {
  return static_cast<BFloat16*>(arguments.outputs[output]);
}
inline float* output_floats(const KernelArguments& arguments, size_t output = 0) {
  return static_cast<float*>(arguments.outputs[output]);
}

/// Elements of one parallel_for part so that starting a thread pays off.
inline constexpr int64_t kElementsPerTask = 16384;
/// The grain in rows of `row_elements` each.
inline int64_t rows_per_task(int64_t row_elements) {
  return std::max<int64_t>(1, kElementsPerTask / std::max<int64_t>(1, row_elements));
}

/// Product of dims[begin, end).
inline int64_t extent(const Shape& shape, int begin, int end) {
  int64_t product = 1;
  for (int axis = begin; axis < end; ++axis) product *= shape[axis];
  return product;
}

}  // namespace tendon::cpu
