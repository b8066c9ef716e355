// Rows that matrix products add to each row of their results, where passes look for them.
#pragma once

#include <optional>

#include "passes/view.h"

namespace tendon {

/// A FusedMatMul or QuantizedMatMul without activation that adds a constant row to its floating
/// result.
struct BiasedProduct {
  NodeId node = kNone;
  size_t bias_index = 0;
  /// One element for each column of the result.
  std::vector<double> bias;
  /// How the value that was asked for shows the result.
  View view;
};
/// The product that `id` is a view of, if nothing else reads it.
std::optional<BiasedProduct> biased_product(const Graph& graph, ValueId id);
/// Replaces the product by one without its bias.
void drop_bias(GraphEdit& edit, const Graph& graph, const BiasedProduct& product);

/// Whether the node is a FusedMatMul that reads `rows` as its first input alone, has constant
/// floating weights [K, N] (or [N, K]) and a constant bias or none.
bool multiplies_rows(const Graph& graph, NodeId node, ValueId rows);
/// The bias that does in such a product what adding `row` [K] to all of its rows does, besides its
/// own.
Tensor bias_behind(const Graph& graph, const Node& product, std::span<const double> row);

}  // namespace tendon
