// Float16 or bfloat16 between a graph's inputs and outputs.
#pragma once

#include <tendon/ranges.h>

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "engine/half_error.h"
#include "ir/graph.h"

namespace tendon {

/// A layer that stays in float32 and why.
struct KeptInFloat {
  std::string layer;
  std::string reason;
  bool guarded = false;  ///< for what float16 would do to its values
};

/// What becomes half.
enum class HalfOf {
  /// Everything between the ends: for kernels that read and write one type.
  kEverything,
  /// Products, on processors that have bfloat16 for nothing else; what they add up stays in
  /// float32.
  kProducts,
};

/// Of the layers that are to be half those that must not, each with a reason to be read behind
/// "it".
using HalfJudge = std::function<std::map<NodeId, std::string>(const Graph& graph,
                                                              std::span<const HalfLayer> layers)>;

/// x (float32) -> Conv -> … -> MatMul -> y   to   x -> Cast -> Conv (half) -> … -> Cast -> MatMul
/// -> y
///
/// `half` is kFloat16 or kBFloat16. Layers that make a graph output stay in float32 with what only
/// they read (with kProducts also the last products, up to 1 % of the work, beside 8-bit ones 0.65
/// %), as do those that only prepare graph inputs, those that objection_to_half() (with
/// kFloat16) or `judge` names, and DequantizeLinear. 8-bit layers read and write what is not codes
/// in half; their scales, and biases of one element a channel, stay float32. With kProducts what
/// works on float32 that 8-bit layers write stays in float32, the residual stream, as do
/// normalisations; such a layer whose result only half layers read writes it in their type, and a
/// FusedMatMul whose result only float32 layers read writes float32. Names of layers and values are
/// kept.
std::vector<KeptInFloat> lower_to_half(Graph& graph, DataType half = DataType::kFloat16,
                                       const Ranges& ranges = {}, const HalfJudge& judge = {},
                                       HalfOf of = HalfOf::kEverything);

}  // namespace tendon
