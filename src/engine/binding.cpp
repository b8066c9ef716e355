#include "engine/binding.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>

#include "engine/memory_plan.h"

namespace tendon {
namespace {

using Place = Operand::Place;
using Clock = std::chrono::steady_clock;

bool aligned(const void* address) {
  return reinterpret_cast<uintptr_t>(address) % kArenaAlignment == 0;
}

int64_t nanoseconds(Clock::duration duration) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count();
}

}  // namespace

Binding::Binding(const CompiledEngine& engine, std::shared_ptr<const ExecutionPlan> plan)
    : input_ports_(engine.inputs()), output_ports_(engine.outputs()), plan_(std::move(plan)) {
  for (const Step& step : plan_->steps) {
    StepRange range{operands_.size(), operands_.size() + step.inputs.size(), 0};
    operands_.insert(operands_.end(), step.inputs.begin(), step.inputs.end());
    operands_.insert(operands_.end(), step.outputs.begin(), step.outputs.end());
    range.end = operands_.size();
    ranges_.push_back(range);
  }
  addresses_.assign(operands_.size(), nullptr);
  inputs_pending_.assign(plan_->steps.size(), true);
  for (size_t i = 0; i < operands_.size(); ++i) {
    if (operands_[i].place == Place::kInput) input_slots_.push_back({i, operands_[i].at});
    if (operands_[i].place == Place::kOutput) output_slots_.push_back({i, operands_[i].at});
    if (operands_[i].place == Place::kConstant) {
      addresses_[i] = const_cast<void*>(plan_->constants[operands_[i].at].raw());
    }
  }
  for (size_t i = 0; i < plan_->outputs.size(); ++i) {
    const TensorType& type = plan_->outputs[i];
    outputs_[engine.outputs()[i].name] = Tensor(type.dtype, type.shape);
  }
  for (const EnginePort& port : engine.outputs()) {
    output_tensors_.push_back(&outputs_.at(port.name));
  }
  staged_.resize(plan_->inputs.size());
  input_addresses_.resize(plan_->inputs.size());
  output_addresses_.resize(plan_->outputs.size());
  buffers_.resize(plan_->inputs.size() + plan_->outputs.size());
  host_outputs_.resize(plan_->outputs.size());
  if (plan_->device == nullptr) return;

  Device& device = *plan_->device;
  const auto host_memory = [&](size_t bytes) {
    host_memory_.push_back(device.allocate_host(std::max<size_t>(bytes, 1)));
    return host_memory_.back().get();
  };
  queue_ = device.make_queue();
  device_arena_ = device.allocate(std::max<size_t>(plan_->device_arena_bytes, 1));
  std::byte* const arena = host_memory(plan_->arena_bytes);
  for (size_t i = 0; i < plan_->inputs.size(); ++i) {
    input_addresses_[i] = host_memory(byte_size(plan_->inputs[i]));
  }
  for (size_t i = 0; i < plan_->outputs.size(); ++i) {
    output_addresses_[i] = host_memory(byte_size(plan_->outputs[i]));
  }
  bind_arena(arena);
  find_segments();
  find_pending_inputs();
  find_copies();
}

void Binding::find_pending_inputs() {
  struct Bytes {
    size_t first, last;
  };
  std::vector<Bytes> pending;  // outputs that nothing on the device has waited for
  for (const Segment& segment : segments_) {
    for (size_t i = segment.first; segment.on_device && i < segment.last; ++i) {
      const Step& step = plan_->steps[i];
      const bool waits =
          i == segment.first || std::ranges::any_of(step.inputs, [&](const Operand& input) {
            return input.place == Place::kDeviceArena &&
                   std::ranges::any_of(pending, [&](const Bytes& bytes) {
                     return bytes.first <= input.at && input.at < bytes.last;
                   });
          });
      // A step without results enqueues nothing, so nothing waits in its place; nor may one that
      // joins what lies in place already.
      const bool enqueues =
          !step.kernel->place_in_output(0) &&
          std::ranges::any_of(plan_->layers[i].outputs,
                              [](const TensorType& type) { return byte_size(type) > 0; });
      if (waits && enqueues) pending.clear();
      inputs_pending_[i] = waits;
      for (size_t o = 0; o < step.outputs.size(); ++o) {
        const size_t first = step.outputs[o].at;
        if (step.outputs[o].place != Place::kDeviceArena) continue;
        pending.push_back(
            {first, first + std::max<size_t>(byte_size(plan_->layers[i].outputs[o]), 1)});
      }
    }
  }
}

void Binding::find_segments() {
  const std::vector<Step>& steps = plan_->steps;
  for (size_t i = 0; i < steps.size(); ++i) {
    if (segments_.empty() || segments_.back().on_device != steps[i].on_device) {
      segments_.push_back({i, i, steps[i].on_device, nullptr});
    }
    segments_.back().last = i + 1;
  }
}

void Binding::bind_arena(std::byte* base) {
  if (arena_ == base) return;
  arena_ = base;
  for (size_t i = 0; i < operands_.size(); ++i) {
    if (operands_[i].place == Place::kArena) addresses_[i] = base + operands_[i].at;
    if (operands_[i].place == Place::kDeviceArena) {
      addresses_[i] = device_arena_.get() + operands_[i].at;
    }
  }
}

void Binding::bind_input(size_t i, const void* address) {
  const TensorType& type = plan_->inputs[i];
  if (queue_ != nullptr) {
    if (byte_size(type) == 0) return;
    std::memcpy(const_cast<void*>(input_addresses_[i]), address, byte_size(type));
    return;
  }
  input_addresses_[i] = address;
  if (!aligned(address)) {
    if (!staged_[i].defined()) staged_[i] = Tensor(type.dtype, type.shape);
    void* copy = staged_[i].mutable_raw();
    std::memcpy(copy, address, byte_size(type));
    input_addresses_[i] = copy;
  }
}

void Binding::bind_inputs(const TensorMap& inputs) {
  for (size_t i = 0; i < plan_->inputs.size(); ++i) {
    bind_input(i, inputs.find(input_ports_[i].name)->second.raw());
  }
  bind_input_slots();
}

void Binding::bind_input_slots() {
  for (const Slot& slot : input_slots_) {
    addresses_[slot.operand] = const_cast<void*>(input_addresses_[slot.port]);
  }
}

void Binding::bind_outputs() {
  for (size_t i = 0; queue_ == nullptr && i < output_tensors_.size(); ++i) {
    output_addresses_[i] = output_tensors_[i]->mutable_raw();
  }
  for (const Slot& slot : output_slots_) addresses_[slot.operand] = output_addresses_[slot.port];
}

const void* Binding::address_of(const Operand& operand) const {
  switch (operand.place) {
    case Place::kAbsent: return nullptr;
    case Place::kConstant: return plan_->constants[operand.at].raw();
    case Place::kArena: return arena_ + operand.at;
    case Place::kDeviceArena: return device_arena_.get() + operand.at;
    case Place::kInput: return input_addresses_[operand.at];
    case Place::kOutput: return output_addresses_[operand.at];
  }
  return nullptr;
}

void Binding::run_step(size_t i) const {
  const Step& step = plan_->steps[i];
  const StepRange& range = ranges_[i];
  const KernelArguments arguments{
      {addresses_.data() + range.inputs, range.outputs - range.inputs},
      {addresses_.data() + range.outputs, range.end - range.outputs},
      static_cast<std::byte*>(const_cast<void*>(address_of(step.workspace))),
      queue_.get(),
      inputs_pending_[i]};
  try {
    step.kernel->run(arguments);
  } catch (const Error& error) {
    throw error.within(fmt::format("[{} '{}']", plan_->layers[i].type, plan_->layers[i].name));
  }
}

void Binding::run_segments() {
  for (Segment& segment : segments_) {
    if (!segment.on_device) {
      if (segment.first > 0) queue_->wait();
      for (size_t i = segment.first; i < segment.last; ++i) run_step(i);
      continue;
    }
    if (segment.recording == nullptr) {
      segment.recording = queue_->record([&] {
        for (size_t i = segment.first; i < segment.last; ++i) run_step(i);
      });
    }
    segment.recording->replay();
  }
  queue_->wait();
}

void Binding::run_timed(StepTimes& times) {
  times.clear();
  for (const Segment& segment : segments_) {
    if (segment.on_device) {
      const auto found = queue_->run_timed(segment.last - segment.first,
                                           [&](size_t i) { run_step(segment.first + i); });
      times.insert(times.end(), found.begin(), found.end());
      continue;
    }
    for (size_t i = segment.first; i < segment.last; ++i) {
      const Clock::time_point before = Clock::now();
      run_step(i);
      times.push_back(nanoseconds(Clock::now() - before));
    }
  }
}

void Binding::run_observed(StepTimes* times, const StepObserver& observer) {
  const size_t steps = plan_->steps.size();
  if (times != nullptr) times->resize(steps);
  Clock::time_point before = Clock::now();
  for (size_t i = 0; i < steps; ++i) {
    run_step(i);
    if (plan_->steps[i].on_device) queue_->wait();
    Clock::time_point after = Clock::now();
    if (times != nullptr) (*times)[i] = nanoseconds(after - before);
    if (observer) {
      observe(i, observer);
      after = Clock::now();
    }
    before = after;
  }
}

std::vector<int64_t> Binding::time_device(const TensorMap& inputs, size_t runs, bool copies) {
  if (queue_ == nullptr || segments_.size() != 1) return {};
  run(inputs, arena_, nullptr, {});
  if (copies) return queue_->replay_timed(*segments_[0].recording, runs);
  const auto kernels = queue_->record([&] {
    for (size_t i = 0; i < plan_->steps.size(); ++i) {
      if (plan_->layers[i].type != kCopyLayer) run_step(i);
    }
  });
  return queue_->replay_timed(*kernels, runs);
}

void Binding::observe(size_t step, const StepObserver& observer) const {
  const LayerRecord& layer = plan_->layers[step];
  const StepRange& range = ranges_[step];
  const std::span<const void* const> outputs(addresses_.data() + range.outputs,
                                             range.end - range.outputs);
  if (!plan_->steps[step].on_device) {
    observer({layer, outputs});
    return;
  }
  if (layer.type == kCopyLayer) return;
  std::vector<Tensor> read(outputs.size());
  std::vector<const void*> addresses(outputs.size());
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i] == nullptr) continue;
    read[i] = Tensor(layer.outputs[i].dtype, layer.outputs[i].shape);
    plan_->device->read(read[i].mutable_raw(), outputs[i], read[i].byte_size());
    addresses[i] = read[i].raw();
  }
  observer({layer, addresses});
}

void Binding::copy_outputs() const {
  for (const OutputCopy& copy : plan_->copies) {
    const void* source = address_of(copy.source);
    void* target = output_addresses_[copy.output];
    if (source != target) std::memcpy(target, source, output_tensors_[copy.output]->byte_size());
  }
  for (size_t i = 0; queue_ != nullptr && i < output_tensors_.size(); ++i) {
    std::memcpy(output_tensors_[i]->mutable_raw(), output_addresses_[i],
                output_tensors_[i]->byte_size());
  }
}

const TensorMap& Binding::run(const TensorMap& inputs, std::byte* arena, StepTimes* times,
                              const StepObserver& observer) {
  if (queue_ == nullptr) bind_arena(arena);
  bind_inputs(inputs);
  bind_outputs();
  // What a caller's stream still holds is not in the way of recordings alone.
  if (queue_ != nullptr && (observer || times != nullptr)) queue_->wait();
  if (observer || (times != nullptr && queue_ == nullptr)) {
    run_observed(times, observer);
  } else if (times != nullptr) {
    run_timed(*times);
  } else if (queue_ != nullptr) {
    run_segments();
  } else {
    for (size_t i = 0; i < plan_->steps.size(); ++i) run_step(i);
  }
  copy_outputs();
  return outputs_;
}

}  // namespace tendon
