// The steps of a build that are needed again when a shape is specialised.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace tendon {

/// What optimise() takes beside what an engine remembers.
struct OptimiseOptions {
  /// Receives the graph after each pass; empty: none.
  std::string dump_folder = {};
  std::function<void(Graph& graph)> after_canonical = {};
  /// For info.fp16: finds info.float32_layers. Null: those that are there already stay float32.
  const HalfEvidence* half_evidence = nullptr;
  /// As in BuildConfig; what fits them is added to info.float32_layers.
  std::span<const std::string> float32_layers = {};
};

/// Runs the passes that `info` asks for and says what each did; with `info.quantization` also
/// quantizes between the exact rewrites and fusion, and fills its plan.
std::vector<PassRecord> optimise(Graph& graph, BuildInfo& info,
                                 const OptimiseOptions& options = {});

/// What the kernel choice of these backends rests on.
std::string fingerprint_of(std::span<Backend* const> backends);
/// What packed weights rest on, beside what each of them says itself.
std::string packer_of(std::span<Backend* const> backends);

}  // namespace tendon
