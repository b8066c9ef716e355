// What a Network handle points to.
#pragma once

#include <tendon/network.h>

#include "ir/graph.h"

namespace tendon {

struct Network::Impl {
  /// As imported: inputs may be symbolic, inner values have no types.
  Graph graph;
};

inline Network network_from_graph(Graph graph) {
  return Network(std::make_shared<const Network::Impl>(Network::Impl{std::move(graph)}));
}

}  // namespace tendon
