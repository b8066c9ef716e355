// Packed weights on their way into and out of an engine file.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "engine/file_contents.h"
#include "engine/graph_codec.h"
#include "engine/manifest.h"

namespace tendon::engine_file {

/// The packed section while it is written.
struct PackedParts {
  /// Of each layer: what the plan section says.
  std::vector<std::vector<PackedPart>> records;
  /// Contents in order of their part numbers.
  std::vector<PackedWeight> parts;
};
/// What the engine's kernels packed. Left out is what the engine shall not keep, and what is made
/// of constants that `weights` holds in half their room, which is why they were rounded.
PackedParts packed_parts(const CompiledEngine& engine, WeightsWriter& weights);

/// Packed weights of each layer where they lie in the section. Throws Error{kBadInput} for parts
/// that the section does not have.
std::vector<std::vector<PackedWeight>> known_weights(const PlanRecord& plan,
                                                     const Contents& contents,
                                                     std::shared_ptr<const void> owner,
                                                     std::string_view name);

/// Parts of the weights section that were left unchecked and that a plan does need: all but those
/// whose only readers are kernels that found them packed.
std::vector<bool> needed_parts(const Graph& graph, const ExecutionPlan& plan,
                               const Contents& weights);

/// Counts what the plan's kernels found and made, and says it in the log with the reason.
void tally_packed(const Graph& graph, const ExecutionPlan& plan, const Contents& weights,
                  std::string_view name, std::string_view reason, FilePacked& packed);

}  // namespace tendon::engine_file
