// ExecutionPlan: the steps of a run and where every operand lies; immutable and shared.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/choose.h"

namespace tendon {

/// Where a tensor's bytes are during a run.
struct Operand {
  enum class Place : uint8_t { kAbsent, kConstant, kArena, kDeviceArena, kInput, kOutput };
  Place place = Place::kAbsent;
  /// Index of the constant, input or output; byte offset in the arena.
  size_t at = 0;
};

struct Step {
  std::shared_ptr<const Kernel> kernel;
  std::vector<Operand> inputs;
  std::vector<Operand> outputs;
  Operand workspace;
  /// Whether the kernel enqueues on the plan's device.
  bool on_device = false;
};

/// An output that shares its bytes with an input, a constant or another output.
struct OutputCopy {
  Operand source;
  size_t output = 0;
};

class ExecutionPlan {
 public:
  std::vector<TensorType> inputs;
  std::vector<TensorType> outputs;
  std::vector<Step> steps;
  /// One for each step.
  std::vector<LayerRecord> layers;
  /// As ChooseOptions::hints for the same choice again.
  std::vector<KernelName> choice;
  /// What each of these kernels packed, one entry a layer of `choice`.
  std::vector<std::vector<PackedWeight>> packed;
  std::vector<OutputCopy> copies;
  /// Those that some kernel reads while running.
  std::vector<Tensor> constants;
  size_t arena_bytes = 0;
  /// Null where every step works in host memory. Otherwise inputs and outputs are staged.
  Device* device = nullptr;
  size_t device_arena_bytes = 0;
  /// What the kernels hold in the device's memory.
  size_t device_weight_bytes = 0;
  /// What a queue takes beside the arena.
  size_t device_queue_bytes = 0;
  /// Most bytes of values that are alive on the device at one step, without kernels' scratch.
  size_t device_lower_bound = 0;
  /// Most bytes of both arenas that are alive at one step: what a perfect plan would need.
  size_t arena_lower_bound = 0;
  /// Weights that kernels hold in their own layout.
  size_t packed_bytes = 0;
  /// Nodes that are only another shape of their input.
  size_t views = 0;
};

/// Makes constants that both plans hold share one storage.
void share_constants(ExecutionPlan& plan, const ExecutionPlan& other);

/// Chooses kernels for a graph with inferred shapes and lays out its memory.
std::shared_ptr<ExecutionPlan> make_plan(const Graph& graph, std::span<Backend* const> backends,
                                         const ChooseOptions& options);

}  // namespace tendon
