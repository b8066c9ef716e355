#include "engine/half_range.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/format.h"
#include "quant/narrow_weights.h"

namespace tendon {
namespace {

constexpr float kLargestHalf = 65504.0F;
/// Smaller ones have fewer digits the smaller they are, and none below 2^-25.
constexpr double kLeastNormalHalf = 0x1p-14;
constexpr std::array<std::string_view, 9> kHalfProducts = {"FusedConv",
                                                           "FusedMatMul",
                                                           "Attention",
                                                           "Conv",
                                                           "MatMul",
                                                           "Gemm",
                                                           "NormalizedMatMul",
                                                           "ImageConv",
                                                           "LayerNormalizationMatMul"};

bool is_float(const Graph& graph, ValueId id) {
  return id != kNone && graph.type(id).dtype == DataType::kFloat32;
}

bool fits(const Tensor& constant) {
  return std::ranges::all_of(constant.data<float>(), [](float x) {
    return !std::isfinite(x) || std::fabs(x) <= kLargestHalf;
  });
}

/// The largest magnitude of a value that calibration saw.
std::optional<double> largest_of(const Graph& graph, const Ranges& ranges, ValueId id) {
  if (!is_float(graph, id)) return std::nullopt;
  const auto range = ranges.find(graph.value(id).name);
  if (range == ranges.end()) return std::nullopt;
  const TensorRange& seen = range->second;
  return seen.min == 0 && seen.max == 0 ? seen.amax : std::max(-seen.min, seen.max);
}

std::string objection_to_constants(const Graph& graph, const Node& node) {
  for (const ValueId id : node.inputs) {
    if (!graph.is_constant(id) || !is_float(graph, id)) continue;
    if (!fits(*graph.value(id).constant)) return "has a constant beyond float16's range";
  }
  if (!is_half_product(node) || !graph.is_constant(node.inputs[1])) return {};
  if (!is_float(graph, node.inputs[1])) return {};
  const double error = float16_error(graph.value(node.inputs[1]).constant->data<float>());
  if (error <= kLargestWeightError) return {};
  return fmt::format("has weights that float16 changes by {:.2g} % (rms; {} % are allowed)",
                     100 * error, 100 * kLargestWeightError);
}

}  // namespace

bool is_half_product(const Node& node) {
  return std::ranges::count(kHalfProducts, type_of(node.op)) > 0;
}

std::string objection_to_half(const Graph& graph, const Node& node, const Ranges& ranges) {
  std::string objection = objection_to_constants(graph, node);
  if (!objection.empty()) return objection;
  double largest = 0;
  for (const auto* ids : {&node.inputs, &node.outputs}) {
    for (const ValueId id : *ids) {
      const auto seen = largest_of(graph, ranges, id);
      largest = std::max(largest, seen.value_or(0));
      if (!seen || *seen == 0 || *seen >= kLeastNormalHalf) continue;
      objection = fmt::format(
          "has values of at most {:.3g} on calibration data, below {:.3g} float16 loses digits",
          *seen, kLeastNormalHalf);
    }
  }
  if (largest <= kLargestHalf) return objection;
  return fmt::format("has values of up to {:.3g} on calibration data, float16 ends at {}", largest,
                     kLargestHalf);
}

}  // namespace tendon
