// Which parameters of a model its outputs depend on.
#pragma once

#include <string>
#include <vector>

#include "ir/graph.h"

namespace tendon {

/// A floating constant, other than a scalar, that nodes read although no output depends on it.
struct UnusedParameter {
  std::string name;
  int64_t elements = 0;
};

/// Layers that the model numbers, such as "decoder.layers" 1 to 6 of 7.
struct UnusedLayers {
  /// The last two parts of the common prefix: "decoder layers".
  std::string name;
  int64_t unused = 0;
  int64_t total = 0;
};

struct UsageReport {
  /// Elements of all floating constants that nodes read, scalars aside.
  int64_t parameters = 0;
  int64_t unused_parameters = 0;
  std::vector<UnusedParameter> unused;
  std::vector<UnusedLayers> layers;
};

/// Derived from the graph alone: on a copy, choices such as Gather move up through Concat and the
/// rest dies, while no weight is folded or merged, so that each keeps its identity. Requires
/// inferred types and a graph as imported: passes that fold weights lose their names.
UsageReport parameter_usage(const Graph& graph);

/// "32.3 M of 66.4 M parameters never reach the output (6 of 7 decoder layers)", or "all 66.4 M
/// parameters reach the output".
std::string to_string(const UsageReport& report);

}  // namespace tendon
