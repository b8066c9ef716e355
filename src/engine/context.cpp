// Binds addresses once per set of shapes, then runs the steps.
#include "engine/context.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "base/affinity.h"
#include "base/float_mode.h"
#include "base/parallel.h"
#include "engine/binding.h"
#include "engine/plan.h"

namespace tendon {
namespace {

/// Sets of shapes that one context keeps ready.
constexpr size_t kMaxBindings = 8;

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
    if (plan->device == nullptr) arena.grow(std::max<size_t>(plan->arena_bytes, 1));
    if (bindings.size() == kMaxBindings) bindings.erase(bindings.begin());
    bindings.push_back(std::make_unique<Binding>(engine, std::move(plan)));
    return *bindings.back();
  }
};

ExecutionContext::ExecutionContext(std::shared_ptr<const CompiledEngine> engine, int threads,
                                   std::vector<int> cpus)
    : engine_(std::move(engine)),
      plan_(engine_->plan()),
      state_(std::make_unique<State>()),
      threads_(threads > 0 ? threads : engine_->info().threads),
      cpus_(std::move(cpus)) {}

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

Binding& ExecutionContext::bind(const TensorMap& inputs) {
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
  plan_ = binding.plan();
  return binding;
}

const TensorMap& ExecutionContext::infer(const TensorMap& inputs, StepTimes* times,
                                         const StepObserver& observer) {
  check_inputs(inputs);
  const ThreadCountScope threads(threads_);
  const PinScope pinned(cpus_);
  const FlushDenormalsScope no_denormals;
  return bind(inputs).run(inputs, state_->arena.data(), times, observer);
}

std::vector<int64_t> ExecutionContext::time_device(const TensorMap& inputs, size_t runs,
                                                   bool copies) {
  check_inputs(inputs);
  return bind(inputs).time_device(inputs, runs, copies);
}

}  // namespace tendon
