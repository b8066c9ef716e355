// Values that are made where they are joined: a Concat of whole blocks then copies nothing.
#pragma once

#include <map>

#include "engine/choose.h"

namespace tendon {

/// A value's place in another one, from byte `offset` on.
struct PartOf {
  ValueId whole = kNone;
  size_t offset = 0;
};

/// Results of steps that a later step in the same memory, the host's or a device's, would copy into
/// its own, and that make up a fair share of it. `kept` tells of a value whether something reads it
/// after the run; neither parts nor wholes are kept. A part begins a multiple of kArenaAlignment
/// bytes into what it is finally part of.
std::map<ValueId, PartOf> find_parts(const Graph& graph, std::span<const ChosenKernel> layers,
                                     const std::vector<bool>& kept);

}  // namespace tendon
