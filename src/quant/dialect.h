// Dialects: the form of QuantizeLinear and DequantizeLinear that each runtime fuses.
#pragma once

#include <span>
#include <string_view>

#include "ir/graph.h"
#include "quant/ranges.h"

namespace tendon {

struct Dialect {
  std::string_view name;     ///< as in `convert --target`
  std::string_view runtime;  ///< whose form it is
  /// Whether values that are never negative become uint8; else all become int8.
  bool unsigned_codes = true;
  /// Turns what quantize() placed into the runtime's form; null where it is that form.
  void (*finish)(Graph& graph, const Ranges& ranges) = nullptr;
};

/// What passes turn into integer kernels.
inline constexpr Dialect kEngineDialect{"tendon", "Tendon"};

/// The dialects that files are written in.
std::span<const Dialect> dialect_table();
/// Throws Error{kUsage} for an unknown name, listing all.
const Dialect& dialect_from_name(std::string_view name);

/// TensorRT: a pair of Q and DQ for each reader, as its parsers want them.
/// x -> Q -> DQ -> a, b   ->   x -> Q -> DQ -> a
///                             x -> Q -> DQ -> b
void finish_for_tensorrt(Graph& graph, const Ranges& ranges);

/// ONNX Runtime: what it replaces by QLinearConv, QLinearAdd and the like.
/// x -> DQ -> Conv(w, b) -> Relu -> a, b   ->   x -> DQ -> Conv(w, DQ(b)) -> Relu -> Q -> DQ -> a,
/// b Also Add of dequantized values. The bias is int32 with scale s_x * s_w; all activations are
/// uint8, those that may be negative with zero point 128. A convolution whose result is a graph
/// output, or has no range, stays as it is: ONNX Runtime runs it in float.
void finish_for_onnxruntime(Graph& graph, const Ranges& ranges);

}  // namespace tendon
