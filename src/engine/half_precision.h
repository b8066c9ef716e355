// Float16 between a graph's inputs and outputs.
#pragma once

#include <string>
#include <vector>

#include "ir/graph.h"

namespace tendon {

/// A layer that stays in float32 and why.
struct KeptInFloat {
  std::string layer;
  std::string reason;
};

/// x (float32) -> Conv -> … -> MatMul -> y   to   x -> Cast -> Conv (float16) -> … -> Cast ->
/// MatMul -> y
///
/// Layers that make a graph output stay in float32 with what only they read, as do those that only
/// prepare graph inputs and those with a constant beyond float16's range. Names of layers and
/// values are kept.
std::vector<KeptInFloat> lower_to_half(Graph& graph);

}  // namespace tendon
