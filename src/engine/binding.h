// Binding: all addresses of one plan in one context, and the run through its steps.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "engine/context.h"
#include "engine/plan.h"

namespace tendon {

class Binding {
 public:
  /// Takes the outputs' memory and, where the plan has a device, everything on its side.
  Binding(const CompiledEngine& engine, std::shared_ptr<const ExecutionPlan> plan);
  Binding(const Binding&) = delete;
  Binding& operator=(const Binding&) = delete;

  const std::shared_ptr<const ExecutionPlan>& plan() const { return plan_; }
  /// Whether the inputs have the plan's shapes.
  template <class Map>
  bool fits(const Map& inputs) const {
    for (size_t i = 0; i < input_ports_.size(); ++i) {
      if (inputs.find(input_ports_[i].name)->second.shape() != plan_->inputs[i].shape) return false;
    }
    return true;
  }
  /// `arena` has the plan's arena_bytes of host memory; a plan with a device brings its own.
  const TensorMap& run(const TensorMap& inputs, std::byte* arena, StepTimes* times,
                       const StepObserver& observer);
  /// Throws Error{kUsage} unless `outputs` are the plan's, by name, type and shape, and writable.
  void check_outputs(const BufferMap& outputs) const;
  /// As ExecutionContext::start() with buffers whose names, types and shapes are right. Nothing is
  /// under way.
  void start(const BufferMap& inputs, const BufferMap& outputs, std::byte* arena,
             std::optional<CudaStream> stream);
  bool done() const { return queue_ == nullptr || queue_->done(); }
  void finish();
  /// As ExecutionContext::time_device().
  std::vector<int64_t> time_device(const TensorMap& inputs, size_t runs, bool copies);

 private:
  /// An address that depends on an input or output, so that it can change at every call.
  struct Slot {
    size_t operand;
    size_t port;
  };
  struct StepRange {
    size_t inputs, outputs, end;
  };
  /// Steps [first, last) on one side; the device's are started as one.
  struct Segment {
    size_t first, last;
    bool on_device;
    std::unique_ptr<Recording> recording;
  };

  /// The whole run as one recording for buffers in these kinds of memory, inputs before outputs.
  struct Variant {
    std::vector<Memory> memories;
    std::vector<const void*> addresses;
    std::unique_ptr<Recording> recording;
  };

  void find_segments();
  void find_copies();
  /// Whether the run is one recording that ends with the outputs, so that nothing need wait.
  bool is_direct() const;
  void take_buffers(const BufferMap& inputs, const BufferMap& outputs);
  void check_place(size_t port) const;
  const Buffer& buffer(size_t port) const { return *buffers_[port]; }
  std::string place_of_port(size_t port) const;
  Variant& variant();
  void record(Variant& variant);
  QueuedCopy copy_at(size_t port, size_t step) const;
  void run_through_host(std::optional<CudaStream> stream);
  void find_pending_inputs();
  void bind_arena(std::byte* base);
  void bind_inputs(const TensorMap& inputs);
  void bind_input(size_t port, const void* address);
  void bind_input_slots();
  void bind_outputs();
  const void* address_of(const Operand& operand) const;
  void run_step(size_t step) const;
  void run_segments();
  void run_timed(StepTimes& times);
  void run_observed(StepTimes* times, const StepObserver& observer);
  void observe(size_t step, const StepObserver& observer) const;
  void copy_outputs() const;

  const std::vector<EnginePort>& input_ports_;
  const std::vector<EnginePort>& output_ports_;
  std::shared_ptr<const ExecutionPlan> plan_;
  std::vector<Operand> operands_;
  std::vector<StepRange> ranges_;
  /// One for each step: KernelArguments::inputs_pending.
  std::vector<bool> inputs_pending_;
  std::vector<Slot> input_slots_;
  std::vector<Slot> output_slots_;
  /// In the order step inputs, step outputs.
  std::vector<void*> addresses_;
  std::vector<const void*> input_addresses_;
  std::vector<void*> output_addresses_;
  std::vector<Tensor> staged_;
  TensorMap outputs_;
  std::vector<Tensor*> output_tensors_;
  std::byte* arena_ = nullptr;

  std::shared_ptr<std::byte> device_arena_;
  /// Host arena and staged inputs and outputs of a plan with a device.
  std::vector<std::shared_ptr<std::byte>> host_memory_;
  std::unique_ptr<DeviceQueue> queue_;
  std::vector<Segment> segments_;

  /// Of start(): those of the call, inputs before outputs; its recordings, the last used one last.
  std::vector<const Buffer*> buffers_;
  std::vector<Variant> variants_;
  /// For each port, inputs before outputs, the steps that copy it, where the run is direct.
  std::vector<std::vector<size_t>> port_copies_;
  /// Where finish() copies outputs to; null: they are there already.
  std::vector<void*> host_outputs_;
};

}  // namespace tendon
