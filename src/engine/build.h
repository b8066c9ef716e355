// The steps of a build that are needed again when a shape is specialised.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace tendon {

/// Runs the passes that `info` asks for and says what each did; with `info.quantization` also
/// quantizes between the exact rewrites and fusion, and fills its plan. The graph after each pass
/// goes to `dump_folder` unless that is empty.
std::vector<PassRecord> optimise(Graph& graph, BuildInfo& info, const std::string& dump_folder);

/// What the kernel choice of these backends rests on.
std::string fingerprint_of(std::span<Backend* const> backends);

}  // namespace tendon
