#include "backends/cuda/support.h"

#include <algorithm>
#include <limits>

namespace tendon::cuda {

Source::Source(const KernelRequest& request, size_t input) : input_(input) {
  if (!request.has_input(input)) return;
  present_ = true;
  if (const Tensor* value = request.inputs[input].value) {
    bytes_ = value->byte_size();
    constant_ = device_of(request).upload(value->raw(), bytes_);
  }
}

std::string_view suffix_of(DataType dtype) {
  if (dtype == DataType::kFloat16) return "f16";
  if (dtype == DataType::kBFloat16) return "bf16";
  if (dtype == DataType::kFloat32) return "f32";
  return {};
}

bool is_half(DataType dtype) { return dtype == DataType::kFloat16 || dtype == DataType::kBFloat16; }

std::string image_of(std::string_view source, std::initializer_list<DataType> dtypes) {
  return fmt::format("{}{}", source,
                     std::ranges::count(dtypes, DataType::kBFloat16) > 0 ? "_bf16" : "");
}

std::string image_of(std::string_view source, const KernelRequest& request) {
  const bool found =
      std::ranges::any_of(request.inputs,
                          [](const Argument& input) {
                            return input.present && input.type.dtype == DataType::kBFloat16;
                          }) ||
      std::ranges::any_of(request.outputs, [](const TensorType& output) {
        return output.dtype == DataType::kBFloat16;
      });
  return image_of(source, {found ? DataType::kBFloat16 : DataType::kFloat16});
}

std::string_view source_suffix(DataType dtype) {
  return dtype == DataType::kUInt8 ? "u8" : suffix_of(dtype);
}

bool is_codes(DataType dtype) { return dtype == DataType::kInt8 || dtype == DataType::kUInt8; }

bool has_element_type(DataType dtype) { return is_codes(dtype) || !suffix_of(dtype).empty(); }

ElementType element_type(DataType dtype) {
  switch (dtype) {
    case DataType::kFloat32: return ElementType::kFloat32;
    case DataType::kFloat16:
    case DataType::kBFloat16: return ElementType::kHalf;
    case DataType::kInt8: return ElementType::kInt8;
    default: break;
  }
  TENDON_ASSERT(dtype == DataType::kUInt8);
  return ElementType::kUInt8;
}

std::optional<Declined> unless_codes(const KernelRequest& request) {
  constexpr int64_t kColumnsAtOnce = 8;
  const TensorType& y = request.outputs[0];
  if (!is_codes(request.inputs[0].type.dtype)) {
    return decline("needs int8 or uint8, got {}", request.inputs[0].type.dtype);
  }
  if (request.inputs[1].value == nullptr || request.inputs[2].value == nullptr) {
    return decline("needs a constant weight and scale");
  }
  if (!has_element_type(y.dtype)) {
    return decline("writes float32, float16, bfloat16, int8 or uint8, not {}", y.dtype);
  }
  if (y.shape.element_count() == 0) return decline("has nothing to compute");
  if (y.shape.back() % kColumnsAtOnce != 0) {
    return decline("needs a multiple of {} columns, got {}", kColumnsAtOnce, y.shape.back());
  }
  return unless_small(request);
}

std::optional<Declined> unless_floating(const KernelRequest& request) {
  const DataType dtype = request.outputs[0].dtype;
  if (suffix_of(dtype).empty()) return decline("needs float32, float16 or bfloat16, got {}", dtype);
  for (const Argument& input : request.inputs) {
    if (input.present && input.type.dtype != dtype) {
      return decline("needs one element type, got {} and {}", dtype, input.type.dtype);
    }
  }
  return unless_small(request);
}

std::optional<Declined> unless_halves_differ(DataType images, DataType weights) {
  if (!is_half(images) || !is_half(weights) || images == weights) return std::nullopt;
  return decline("needs images in {} or wider, got {}", weights, images);
}

int row_step_of(const KernelRequest& request, size_t input) {
  if (!request.has_input(input) || request.input_shape(input).rank() == 0) return 0;
  return static_cast<int>(request.input_shape(input).back());
}

std::optional<Declined> unless_rows_align(const KernelRequest& request, size_t residual) {
  constexpr size_t kAlignment = 16;
  const int step = row_step_of(request, residual);
  if (step == 0 || step == request.outputs[0].shape.back()) return std::nullopt;
  const size_t bytes = static_cast<size_t>(step) * size_of(request.inputs[residual].type.dtype);
  if (bytes % kAlignment == 0) return std::nullopt;
  return decline("needs a residual whose rows begin at multiples of {} bytes, got {}", kAlignment,
                 request.input_shape(residual));
}

std::optional<Declined> unless_small(const KernelRequest& request) {
  constexpr int64_t kMost = std::numeric_limits<int32_t>::max();
  const auto too_large = [&](const TensorType& type) { return type.shape.element_count() > kMost; };
  for (const Argument& input : request.inputs) {
    if (input.present && too_large(input.type)) {
      return decline("needs fewer than 2^31 elements, got {}", input.type.shape);
    }
  }
  for (const TensorType& output : request.outputs) {
    if (too_large(output)) {
      return decline("needs fewer than 2^31 elements, got {}", output.shape);
    }
  }
  return std::nullopt;
}

Launch launch_for(CUfunction function, int64_t count, unsigned threads) {
  const int64_t blocks = std::max<int64_t>(1, (count + threads - 1) / threads);
  return {function, {static_cast<unsigned>(blocks), 1, 1}, threads, 0};
}

}  // namespace tendon::cuda
