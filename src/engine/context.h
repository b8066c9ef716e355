// ExecutionContext: the memory of one runner; many contexts share one engine.
#pragma once

#include <tendon/buffer.h>
#include <tendon/tensor.h>

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/engine.h"

namespace tendon {

class Binding;

/// Nanoseconds for each step of the plan, in the order of plan layers.
using StepTimes = std::vector<int64_t>;

/// What one step of a run made. The outputs may be read until the observer returns; a step further
/// on may write where they were.
struct StepResult {
  const LayerRecord& layer;
  /// One for each of layer.outputs; null where the node leaves an output out.
  std::span<const void* const> outputs;
};
/// Called behind each step, on the thread that runs. What it throws ends the run.
using StepObserver = std::function<void(const StepResult& result)>;

/// Belongs to one thread at a time; contexts of the same engine may run at once. Memory is taken at
/// the first call with a set of shapes; further calls with these shapes allocate nothing, unless
/// the caller still holds copies of the previous outputs, which then keep their values.
class ExecutionContext {
 public:
  /// `threads` for the kernels of this context; 0: as the engine was built for. `cpus`: where they
  /// run during infer(), the caller's first; empty: wherever the system puts them. Throws
  /// Error{kUnsupported} for an engine that this machine cannot run.
  explicit ExecutionContext(std::shared_ptr<const CompiledEngine> engine, int threads = 0,
                            std::vector<int> cpus = {});
  ~ExecutionContext();
  ExecutionContext(const ExecutionContext&) = delete;
  ExecutionContext& operator=(const ExecutionContext&) = delete;

  const CompiledEngine& engine() const { return *engine_; }
  /// Takes all memory for the opt shapes now.
  void prepare();
  /// Reads `inputs` (exactly the engine's names and types) in place and runs. The result stays
  /// valid until the next call. `times` receives one entry per layer, the observer's time left out.
  /// Throws Error{kUsage} for a missing, unknown or ill-typed input or a shape outside the profile.
  const TensorMap& infer(const TensorMap& inputs, StepTimes* times = nullptr,
                         const StepObserver& observer = {});
  /// Starts an inference and returns its number, not waiting for it where the whole plan runs on a
  /// device. Ordinary host memory is read before this returns and written by finish(); other
  /// buffers are used at any time in between. With `stream` everything comes behind what that
  /// stream holds. One inference is under way at a time: an earlier one is finished first. Throws
  /// as infer() does, and Error{kUsage} for buffers that are missing, unknown, of another type or
  /// shape, or not in memory that this engine reaches.
  uint64_t start(const BufferMap& inputs, const BufferMap& outputs,
                 std::optional<CudaStream> stream = {});
  /// Whether finish() would not wait.
  bool done(uint64_t inference);
  /// Waits, and writes outputs in ordinary host memory. Throws Error{kUnsupported} when the device
  /// failed. Does nothing for what is finished.
  void finish(uint64_t inference);
  /// Whatever is under way.
  void finish_all() { finish_started(); }
  /// As start(), for outputs that are complete where the stream has come behind them: nothing may
  /// lie in ordinary host memory, and nobody waits.
  void enqueue(const BufferMap& inputs, const BufferMap& outputs, CudaStream stream);
  /// The device's own time of `runs` inferences in nanoseconds, with or without the copies of
  /// inputs and outputs. Empty unless the whole plan runs on a device.
  std::vector<int64_t> time_device(const TensorMap& inputs, size_t runs, bool copies);
  /// The plan that the last call used.
  const ExecutionPlan& plan() const { return *plan_; }

 private:
  template <class Map>
  void check_inputs(const Map& inputs) const;
  /// The binding for these inputs' shapes.
  template <class Map>
  Binding& bind(const Map& inputs);
  Binding& bind_buffers(const BufferMap& inputs, const BufferMap& outputs);
  void finish_started();

  struct State;
  std::shared_ptr<const CompiledEngine> engine_;
  std::shared_ptr<const ExecutionPlan> plan_;
  std::unique_ptr<State> state_;
  int threads_;
  std::vector<int> cpus_;
};

}  // namespace tendon
