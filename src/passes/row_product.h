// Products of rows with constants, whatever operator makes them, as passes that multiply constants
// see them.
#pragma once

#include <optional>

#include "base/data_type.h"
#include "passes/rewrite.h"

namespace tendon {

/// Rows x w + bias. Tensors are float64.
struct RowProduct {
  ValueId x = kNone;
  Tensor weight;               ///< [k, n]; of codes times their scale
  ValueId bias = kNone;        ///< or none
  std::vector<double> scales;  ///< n, of codes alone

  bool of_codes() const { return !scales.empty(); }
};

/// The FusedMatMul or QuantizedMatMul that a node is, if its weights are one constant matrix, it
/// has neither activation nor residual, and a floating result. Its bias need not be constant.
std::optional<RowProduct> matmul_rows(const Graph& graph, const Node& node);
/// Also a FusedConv or QuantizedConv, channels last, whose windows are single pixels.
std::optional<RowProduct> row_product(const Graph& graph, const Node& node);

/// A constant as float64.
Tensor in_doubles(const Graph& graph, ValueId constant);
/// Column n of a float64 `matrix` times factor n, or all times the only one.
Tensor scaled_columns(Tensor matrix, std::span<const double> factors);

}  // namespace tendon
