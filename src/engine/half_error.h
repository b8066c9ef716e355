// What float16 does to single layers, measured on data.
#pragma once

#include <map>
#include <span>
#include <vector>

#include "engine/kernel.h"
#include "ir/graph.h"

namespace tendon {

/// A layer that is to be float16, and those of its inputs that it would read so.
struct HalfLayer {
  NodeId node = kNone;
  std::vector<size_t> inputs;
};

/// For each layer: the rms of the error that its floating results have where the inputs named are
/// rounded to float16, and with `round_results` these results (sums inside are not), by the rms of
/// the results, over all frames. Every layer is given what the float32 graph computes, so each
/// error is the layer's own. Infinity where a result leaves float16's range. `frames` hold the
/// graph's inputs; of a batch whose size is not theirs they fill the places in turn. Empty where
/// they do not fit.
std::map<NodeId, double> half_errors(const Graph& graph, std::span<const HalfLayer> layers,
                                     std::span<const TensorMap> frames,
                                     std::span<Backend* const> backends, int threads,
                                     bool round_results = true);

}  // namespace tendon
