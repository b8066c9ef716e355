// ShiftedInput: a value that is a network's input minus a constant, as pictures minus their mean.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ir/graph.h"
#include "ops/elements.h"

namespace tendon {

/// Element i is the input's element i minus offsets[i / plane].
struct ShiftedInput {
  std::string input;
  std::vector<float> offsets;
  int64_t plane = 0;
};

/// Nothing where `id` is no such value or not by planes of split.inner elements.
std::optional<ShiftedInput> shifted_input(const Graph& graph, ValueId id, const AxisSplit& split);

}  // namespace tendon
