// Which layers with weights run in INT8, and why the others do not.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "quant/ranges.h"
#include "quant/weight_layers.h"

namespace tendon {

/// Codes of weights: all of int8 but -128, or few enough that instructions which add two products
/// with uint8 in 16 bits do not saturate: 2 * 255 * 63 < 2^15.
inline constexpr int kFullRange = 127;
inline constexpr int kReducedRange = 63;

/// What the user asks for.
struct QuantizationRequest {
  Ranges ranges;
  /// The only layers to be INT8, by node name, such as a search found; none: the recipe below.
  std::optional<std::set<std::string>> layers = {};
  /// Types by node name or pattern with `*`; int8 forces a layer in, any other type keeps it out.
  std::map<std::string, DataType> overrides = {};
  /// Weights become codes within [-weight_limit, weight_limit], at most 127.
  int weight_limit = kFullRange;
};

struct QuantizationPlan {
  /// Node names.
  std::set<std::string> int8_layers;
  /// Reason by node name, for the layers with weights that are not INT8.
  std::map<std::string, std::string> kept;
};

/// What an engine was quantized with.
struct QuantizationRecord {
  QuantizationRequest request;
  QuantizationPlan plan;
};

/// The recipe, where `request` leaves it open: convolutions and products of many rows, but
/// - no layer after a cross-attention or feeding one (a decoder: the most sensitive part of
///   detection transformers, and small),
/// - no layer that the output is computed from without another one in between (a head),
/// - no output projection of an attention (one scale has to serve heads of very different ranges;
///   measured on ACT, each of these small layers costs as much accuracy as all others together),
/// - no layer whose work is too small to be worth its error: fewer than 16 rows, channels or
///   products a result, or less than 1/2000 of all multiply-adds,
/// - no layer whose input has no range, or a range of 0.
/// Throws Error{kUsage} for an override that matches no layer or names an unknown type of
/// precision, and for a layer in `request.layers` that the graph does not have.
QuantizationPlan plan_quantization(const Graph& graph, const QuantizationRequest& request);

/// Whether a layer's name fits a pattern, in which `*` stands for any text.
bool fits_pattern(std::string_view pattern, std::string_view name);

/// The range of `id`, or of the value it was moved from by Reshape-like nodes, Transpose or
/// MaxPool; null where there is none.
const TensorRange* range_of(const Graph& graph, const Ranges& ranges, ValueId id);

}  // namespace tendon
