// Which values nobody reads after a node, so that its kernel may work in place.
#pragma once

#include <vector>

#include "ir/graph.h"

namespace tendon {

class LastReads {
 public:
  explicit LastReads(const Graph& graph);

  /// Inputs that the node's kernel may write to.
  std::vector<size_t> reusable_inputs(NodeId id) const;

 private:
  /// The value whose memory a value has, through views.
  ValueId root(ValueId id) const { return roots_[static_cast<size_t>(id)]; }

  const Graph& graph_;
  std::vector<ValueId> roots_;
  /// The last node that reads each root; kNone where nobody or a caller does.
  std::vector<NodeId> last_;
};

}  // namespace tendon
