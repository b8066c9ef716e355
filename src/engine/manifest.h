// The manifest section: what people and tools want to know of an engine, as JSON.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "engine/choose.h"
#include "engine/engine.h"

namespace tendon::engine_file {

/// What the manifest holds besides the layers, which follow from the plan again.
struct Manifest {
  BuildInfo info;
  std::vector<EnginePort> inputs;
  std::vector<EnginePort> outputs;
  /// SHA-256 of every other section, by its name.
  std::map<std::string, std::string> hashes;
};

std::string encode_manifest(const CompiledEngine& engine,
                            const std::map<std::string, std::string>& hashes);
/// Throws Error{kBadInput} naming `name` and the member.
Manifest decode_manifest(std::string_view text, std::string_view name);

/// The layers as they were built, and the sizes of a plan without steps. Throws as above.
std::shared_ptr<const ExecutionPlan> decode_recorded_plan(std::string_view text,
                                                          std::string_view name,
                                                          std::vector<KernelName> choice,
                                                          const Graph& graph);

/// A packed weight of one layer, in a part of the packed section.
struct PackedPart {
  size_t input = 0;
  std::string layout;
  size_t part = 0;
};
/// Of each layer that has a kernel of its own.
struct PlanRecord {
  std::vector<KernelName> kernels;
  /// One entry a layer; empty where nothing is packed.
  std::vector<std::vector<PackedPart>> packed;
  /// What packed them; as packer_of().
  std::string packer;
};
/// The plan section.
std::string encode_plan(const PlanRecord& plan);
PlanRecord decode_plan(std::string_view text, std::string_view name);

}  // namespace tendon::engine_file
