// The numeric self-check: the same random inputs through two graphs, by reference.
#pragma once

#include "ir/graph.h"

namespace tendon {

/// Whether the references finish in about a second.
bool is_small_enough_to_run(const Graph& graph);

/// Runs both by their operators' references on one set of random inputs. Throws Error{kInternal}
/// naming the output that differs by more than float rounding explains.
void require_same_results(const Graph& before, const Graph& after);

}  // namespace tendon
