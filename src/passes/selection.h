// Selection: a run of consecutive places along one axis, however the graph spells it.
#pragma once

#include "passes/rewrite.h"

namespace tendon {

/// `count` places of `source` from `start` on along `axis`; the axis is gone where `squeezed` (then
/// count is 1).
struct Selection {
  ValueId source = kNone;
  int axis = 0;
  int64_t start = 0;
  int64_t count = 0;
  bool squeezed = false;
};

/// What a Gather by constant consecutive indices, a Slice with step 1 along one axis, or an output
/// of a Split selects; nothing for other values.
std::optional<Selection> selection_of(const Graph& graph, ValueId id);

/// Adds the node that makes the selection: Gather where squeezed, else Slice; Reshape or nothing
/// where it takes the whole axis.
ValueId add_selection(GraphEdit& edit, const Selection& selection, const std::string& name);

/// The axis of `from` that stays whole as `axis` of `to` when a tensor is reshaped between the two,
/// or nothing.
std::optional<int> axis_before_reshape(const Shape& from, const Shape& to, int axis);

}  // namespace tendon
