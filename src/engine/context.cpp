// Binds addresses once per set of shapes, then runs the steps.
#include "engine/context.h"

#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "base/parallel.h"
#include "engine/memory_plan.h"
#include "engine/plan.h"

namespace tendon {
namespace {

using Place = Operand::Place;

/// Sets of shapes that one context keeps ready.
constexpr size_t kMaxBindings = 8;

bool aligned(const void* address) {
  return reinterpret_cast<uintptr_t>(address) % kArenaAlignment == 0;
}

/// Zeroed memory in huge pages where the system has them: a run walks through all of it, and its
/// pages must be there before the first deadline.
class Arena {
 public:
  size_t size() const { return size_; }
  std::byte* data() const { return memory_.get(); }

  /// Makes room for `bytes`; the content is lost.
  void grow(size_t bytes) {
    if (bytes <= size_) return;
    memory_.reset();
    size_ = 0;
    const size_t rounded = (bytes + kHugePage - 1) / kHugePage * kHugePage;
    memory_.reset(static_cast<std::byte*>(std::aligned_alloc(kHugePage, rounded)));
    if (memory_ == nullptr) {
      fail_input("cannot allocate {} bytes for activations; check the shapes of the model", bytes);
    }
    madvise(memory_.get(), rounded, MADV_HUGEPAGE);
    std::memset(memory_.get(), 0, bytes);
    size_ = bytes;
  }

 private:
  static constexpr size_t kHugePage = size_t{2} << 20;
  struct Free {
    void operator()(std::byte* memory) const { std::free(memory); }
  };
  std::unique_ptr<std::byte, Free> memory_;
  size_t size_ = 0;
};

/// An address that depends on an input or output, so that it can change at every call.
struct Slot {
  size_t operand;
  size_t port;
};

/// All addresses of one plan, in the order step inputs, step outputs.
struct Binding {
  struct StepRange {
    size_t inputs, outputs, end;
  };

  Binding(const CompiledEngine& engine, std::shared_ptr<const ExecutionPlan> the_plan)
      : input_ports(engine.inputs()), plan(std::move(the_plan)) {
    for (const Step& step : plan->steps) {
      StepRange range{operands.size(), operands.size() + step.inputs.size(), 0};
      operands.insert(operands.end(), step.inputs.begin(), step.inputs.end());
      operands.insert(operands.end(), step.outputs.begin(), step.outputs.end());
      range.end = operands.size();
      ranges.push_back(range);
    }
    for (size_t i = 0; i < operands.size(); ++i) {
      if (operands[i].place == Place::kInput) input_slots.push_back({i, operands[i].at});
      if (operands[i].place == Place::kOutput) output_slots.push_back({i, operands[i].at});
    }
    addresses.assign(operands.size(), nullptr);
    for (size_t i = 0; i < operands.size(); ++i) {
      if (operands[i].place == Place::kConstant) {
        addresses[i] = const_cast<void*>(plan->constants[operands[i].at].raw());
      }
    }
    for (size_t i = 0; i < plan->outputs.size(); ++i) {
      const TensorType& type = plan->outputs[i];
      outputs[engine.outputs()[i].name] = Tensor(type.dtype, type.shape);
    }
    for (const EnginePort& port : engine.outputs()) {
      output_tensors.push_back(&outputs.at(port.name));
    }
    staged.resize(plan->inputs.size());
    input_addresses.resize(plan->inputs.size());
    output_addresses.resize(plan->outputs.size());
  }

  void bind_arena(std::byte* base) {
    if (arena == base) return;
    arena = base;
    for (size_t i = 0; i < operands.size(); ++i) {
      if (operands[i].place == Place::kArena) addresses[i] = base + operands[i].at;
    }
  }

  bool fits(const TensorMap& inputs) const {
    for (size_t i = 0; i < input_ports.size(); ++i) {
      const Tensor& tensor = inputs.find(input_ports[i].name)->second;
      if (tensor.shape() != plan->inputs[i].shape) return false;
    }
    return true;
  }

  void bind_ports(const TensorMap& inputs) {
    for (size_t i = 0; i < plan->inputs.size(); ++i) {
      const Tensor& tensor = inputs.find(input_ports[i].name)->second;
      input_addresses[i] = tensor.raw();
      if (!aligned(tensor.raw())) {
        if (!staged[i].defined()) staged[i] = Tensor(tensor.dtype(), tensor.shape());
        void* copy = staged[i].mutable_raw();
        std::memcpy(copy, tensor.raw(), tensor.byte_size());
        input_addresses[i] = copy;
      }
    }
    for (size_t i = 0; i < output_tensors.size(); ++i) {
      output_addresses[i] = output_tensors[i]->mutable_raw();
    }
    for (const Slot& slot : input_slots) {
      addresses[slot.operand] = const_cast<void*>(input_addresses[slot.port]);
    }
    for (const Slot& slot : output_slots) addresses[slot.operand] = output_addresses[slot.port];
  }

  const void* address_of(const Operand& operand) const {
    switch (operand.place) {
      case Place::kAbsent: return nullptr;
      case Place::kConstant: return plan->constants[operand.at].raw();
      case Place::kArena: return arena + operand.at;
      case Place::kInput: return input_addresses[operand.at];
      case Place::kOutput: return output_addresses[operand.at];
    }
    return nullptr;
  }

  void run_step(size_t i) const {
    const Step& step = plan->steps[i];
    const StepRange& range = ranges[i];
    const KernelArguments arguments{
        {addresses.data() + range.inputs, range.outputs - range.inputs},
        {addresses.data() + range.outputs, range.end - range.outputs},
        step.workspace.place == Place::kArena ? arena + step.workspace.at : nullptr};
    try {
      step.kernel->run(arguments);
    } catch (const Error& error) {
      throw error.within(fmt::format("[{} '{}']", plan->layers[i].type, plan->layers[i].name));
    }
  }

  StepResult result_of(size_t i) const {
    const StepRange& range = ranges[i];
    return {plan->layers[i], {addresses.data() + range.outputs, range.end - range.outputs}};
  }

  void copy_outputs() const {
    for (const OutputCopy& copy : plan->copies) {
      const void* source = address_of(copy.source);
      void* target = output_addresses[copy.output];
      if (source != target) std::memcpy(target, source, output_tensors[copy.output]->byte_size());
    }
  }

  const std::vector<EnginePort>& input_ports;
  std::shared_ptr<const ExecutionPlan> plan;
  std::vector<Operand> operands;
  std::vector<StepRange> ranges;
  std::vector<Slot> input_slots;
  std::vector<Slot> output_slots;
  std::vector<void*> addresses;
  std::vector<const void*> input_addresses;
  std::vector<void*> output_addresses;
  std::vector<Tensor> staged;
  TensorMap outputs;
  std::vector<Tensor*> output_tensors;
  std::byte* arena = nullptr;
};

}  // namespace

struct ExecutionContext::State {
  /// The most recently used one is the last.
  std::vector<std::unique_ptr<Binding>> bindings;
  Arena arena;

  Binding& use(size_t position) {
    std::rotate(bindings.begin() + static_cast<int64_t>(position),
                bindings.begin() + static_cast<int64_t>(position) + 1, bindings.end());
    return *bindings.back();
  }

  Binding& add(const CompiledEngine& engine, std::shared_ptr<const ExecutionPlan> plan) {
    arena.grow(std::max<size_t>(plan->arena_bytes, 1));
    if (bindings.size() == kMaxBindings) bindings.erase(bindings.begin());
    bindings.push_back(std::make_unique<Binding>(engine, std::move(plan)));
    return *bindings.back();
  }
};

ExecutionContext::ExecutionContext(std::shared_ptr<const CompiledEngine> engine, int threads)
    : engine_(std::move(engine)),
      plan_(engine_->plan()),
      state_(std::make_unique<State>()),
      threads_(threads > 0 ? threads : engine_->info().threads) {}

ExecutionContext::~ExecutionContext() = default;

void ExecutionContext::prepare() {
  if (state_->bindings.empty()) state_->add(*engine_, engine_->plan());
}

void ExecutionContext::check_inputs(const TensorMap& inputs) const {
  const auto& ports = engine_->inputs();
  for (const EnginePort& port : ports) {
    const auto found = inputs.find(port.name);
    if (found == inputs.end() || !found->second.defined()) {
      std::vector<std::string> names;
      for (const auto& [name, tensor] : inputs) names.push_back(name);
      fail(ErrorKind::kUsage, "input '{}' ({}{}) is missing; given are [{}]", port.name, port.dtype,
           port.range.opt, fmt::join(names, ", "));
    }
    if (found->second.dtype() != port.dtype) {
      fail(ErrorKind::kUsage, "input '{}' has type {}, expected {}; convert it before", port.name,
           found->second.dtype(), port.dtype);
    }
  }
  if (inputs.size() == ports.size()) return;
  for (const auto& [name, tensor] : inputs) {
    if (std::ranges::count(ports, name, &EnginePort::name) == 0) {
      std::vector<std::string> names;
      for (const EnginePort& port : ports) names.push_back(port.name);
      fail(ErrorKind::kUsage, "the engine has no input '{}'; its inputs are [{}]", name,
           fmt::join(names, ", "));
    }
  }
}

const TensorMap& ExecutionContext::infer(const TensorMap& inputs, StepTimes* times,
                                         const StepObserver& observer) {
  check_inputs(inputs);
  const ThreadCountScope threads(threads_);
  auto& bindings = state_->bindings;
  size_t position = bindings.size();
  while (position > 0 && !bindings[position - 1]->fits(inputs)) --position;
  if (position == 0) {
    std::vector<Shape> shapes;
    for (const EnginePort& port : engine_->inputs()) {
      shapes.push_back(inputs.find(port.name)->second.shape());
    }
    state_->add(*engine_, engine_->plan_for(shapes));
  }
  Binding& binding = position == 0 ? *bindings.back() : state_->use(position - 1);
  plan_ = binding.plan;
  binding.bind_arena(state_->arena.data());
  binding.bind_ports(inputs);
  const size_t steps = binding.plan->steps.size();
  if (times == nullptr && !observer) {
    for (size_t i = 0; i < steps; ++i) binding.run_step(i);
  } else {
    using Clock = std::chrono::steady_clock;
    if (times != nullptr) times->resize(steps);
    Clock::time_point before = Clock::now();
    for (size_t i = 0; i < steps; ++i) {
      binding.run_step(i);
      Clock::time_point after = Clock::now();
      if (times != nullptr) (*times)[i] = std::chrono::nanoseconds(after - before).count();
      if (observer) {
        observer(binding.result_of(i));
        after = Clock::now();
      }
      before = after;
    }
  }
  binding.copy_outputs();
  return binding.outputs;
}

}  // namespace tendon
