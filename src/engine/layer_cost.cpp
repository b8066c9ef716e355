// Costs from types alone.
#include "engine/layer_cost.h"

#include <algorithm>
#include <array>
#include <limits>

namespace tendon {
namespace {

template <size_t N>
bool one_of(std::string_view type, const std::array<std::string_view, N>& types) {
  return std::ranges::count(types, type) > 0;
}

int64_t product(int64_t a, int64_t b) {
  int64_t result = 0;
  return __builtin_mul_overflow(a, b, &result) ? std::numeric_limits<int64_t>::max() : result;
}

constexpr std::array<std::string_view, 6> kConvolutions = {
    "Conv", "FusedConv", "ConvInteger", "ImageConv", "QuantizedConv", "QuantizedImageConv"};
constexpr std::array<std::string_view, 8> kProducts = {"FusedMatMul",
                                                       "Gemm",
                                                       "LayerNormalizationMatMul",
                                                       "MatMul",
                                                       "MatMulInteger",
                                                       "NormalizedMatMul",
                                                       "QuantizedMatMul",
                                                       "QuantizedNormalizedMatMul"};

/// Elements of a convolution's result, also where only the maxima of its pool are written.
int64_t convolved_elements(const Op& op, const Shape& x, const Shape& w, const Shape& y) {
  const auto* image = std::get_if<ImageConv>(&op);
  const auto* codes = std::get_if<QuantizedImageConv>(&op);
  if (codes == nullptr && (image == nullptr || !image->pooled)) return y.element_count();
  const Shape images = image != nullptr ? image->prepared(x) : codes->codes(x);
  const auto& window = image != nullptr ? static_cast<const WindowAttributes&>(*image) : *codes;
  const std::vector<WindowAxis> axes =
      window_axes(window, std::array{images[1], images[2]}, std::array{w[2], w[3]});
  return product(product(y[0], y[3]), product(axes[0].output, axes[1].output));
}

}  // namespace

int64_t multiply_adds(const Op& op, Arguments inputs, std::span<const TensorType> outputs) {
  const std::string_view type = type_of(op);
  if (inputs.size() < 2 || outputs.empty() || !inputs[0].present || !inputs[1].present) return 0;
  const Shape& a = inputs[0].type.shape;
  const Shape& b = inputs[1].type.shape;
  const int64_t results = outputs[0].shape.element_count();
  if (results == 0) return 0;
  if (one_of(type, kConvolutions) && b.rank() > 0 && b[0] > 0) {
    return product(convolved_elements(op, a, b, outputs[0].shape), b.element_count() / b[0]);
  }
  if (type == "Gemm") return product(results, a.element_count() / outputs[0].shape[0]);
  if (one_of(type, kProducts) && a.rank() > 0) return product(results, a.back());
  if (type == "Attention" && a.rank() == 3 && b.rank() == 3) {
    const Attributes attributes = attributes_of(op);
    const auto flag = attributes.find("sequence_first");
    const bool sequence_first = flag != attributes.end() && std::get<int64_t>(flag->second) != 0;
    return product(2 * results, b[sequence_first ? 0 : 1]);
  }
  return 0;
}

DataType precision_of(const Op& op, Arguments inputs) {
  const bool reads_another_type = std::holds_alternative<ImageConv>(op) ||
                                  std::holds_alternative<QuantizedImageConv>(op) ||
                                  std::holds_alternative<LayerNormalizationMatMul>(op);
  const size_t input = reads_another_type ? 1 : 0;
  if (inputs.size() <= input || !inputs[input].present) return DataType::kFloat32;
  const DataType type = inputs[input].type.dtype;
  return type == DataType::kUInt8 ? DataType::kInt8 : type;
}

int64_t bytes_moved(Arguments inputs, std::span<const TensorType> outputs) {
  int64_t bytes = 0;
  const auto add = [&](const TensorType& type) {
    const int64_t size =
        product(type.shape.element_count(), static_cast<int64_t>(size_of(type.dtype)));
    if (__builtin_add_overflow(bytes, size, &bytes)) bytes = std::numeric_limits<int64_t>::max();
  };
  for (const Argument& input : inputs) {
    if (input.present) add(input.type);
  }
  for (const TensorType& output : outputs) add(output);
  return bytes;
}

}  // namespace tendon
