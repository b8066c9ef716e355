// Copies between a device's memory and the host's, where a value is read on the other side.
#pragma once

#include <vector>

#include "engine/choose.h"

namespace tendon {

/// The graph with its layers in topological order; the copies are Identity nodes with a kernel.
struct PlacedLayers {
  Graph graph;
  std::vector<ChosenKernel> layers;
};

/// Graph inputs and outputs are in host memory, every other value where its producer works.
/// Constants are never copied: a device's kernels hold their own. At most one device takes part.
PlacedLayers place_copies(const Graph& graph, std::vector<ChosenKernel> layers);

}  // namespace tendon
