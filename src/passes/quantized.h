// Questions about QuantizeLinear and DequantizeLinear nodes that several passes ask.
#pragma once

#include <optional>
#include <vector>

#include "passes/rewrite.h"

namespace tendon {

/// What a DequantizeLinear with constant scales and zero points of 0 reads.
struct Dequantized {
  ValueId codes = kNone;
  /// One, or one for each index of `axis` (from the front) of the codes.
  std::vector<float> scales;
  int axis = 0;

  bool by_tensor() const { return scales.size() == 1; }
};
/// Nothing where `id` comes from elsewhere, or codes are neither int8 nor uint8.
std::optional<Dequantized> dequantized(const Graph& graph, ValueId id);

/// What a QuantizeLinear by tensor with a constant scale and a zero point of 0 makes.
struct Quantizer {
  NodeId node = kNone;
  float scale = 1;
  DataType type = DataType::kUInt8;
};
/// Nothing where `node` is something else.
std::optional<Quantizer> quantizer(const Graph& graph, NodeId node);
/// The quantizer that alone reads `id`, if `id` is no graph output.
std::optional<Quantizer> sole_quantizer(const Graph& graph, ValueId id);

/// Whether the node only moves elements or picks some of them, so that quantizing before it or
/// after it is the same: Reshape-like nodes, Transpose, MaxPool.
bool commutes_with_quantizing(const Node& node);

}  // namespace tendon
