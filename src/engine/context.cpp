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
  /// What start() has begun and nobody finished.
  Binding* started = nullptr;
  uint64_t count = 0;
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
      cpus_(std::move(cpus)) {
  engine_->require_available();
}

ExecutionContext::~ExecutionContext() = default;

void ExecutionContext::finish_started() {
  if (state_->started == nullptr) return;
  state_->started->finish();
  state_->started = nullptr;
}

Binding& ExecutionContext::bind_buffers(const BufferMap& inputs, const BufferMap& outputs) {
  check_inputs(inputs);
  finish_started();
  Binding& binding = bind(inputs);
  binding.check_outputs(outputs);
  return binding;
}

uint64_t ExecutionContext::start(const BufferMap& inputs, const BufferMap& outputs,
                                 std::optional<CudaStream> stream) {
  const ThreadCountScope threads(threads_);
  const PinScope pinned(cpus_);
  const FlushDenormalsScope no_denormals;
  Binding& binding = bind_buffers(inputs, outputs);
  binding.start(inputs, outputs, state_->arena.data(), stream);
  state_->started = &binding;
  return ++state_->count;
}

bool ExecutionContext::done(uint64_t inference) {
  return inference != state_->count || state_->started == nullptr || state_->started->done();
}

void ExecutionContext::finish(uint64_t inference) {
  if (inference == state_->count) finish_started();
}

void ExecutionContext::enqueue(const BufferMap& inputs, const BufferMap& outputs,
                               CudaStream stream) {
  const auto refuse_host = [](const BufferMap& buffers, std::string_view what) {
    for (const auto& [name, buffer] : buffers) {
      if (buffer.memory() != Memory::kHost) continue;
      fail(ErrorKind::kUsage,
           "{} '{}' lies in host memory that is not pinned, which no stream reads or writes by "
           "itself; give GPU or pinned memory, or use infer_async()",
           what, name);
    }
  };
  refuse_host(inputs, "input");
  refuse_host(outputs, "output");
  const ThreadCountScope threads(threads_);
  const PinScope pinned(cpus_);
  const FlushDenormalsScope no_denormals;
  Binding& binding = bind_buffers(inputs, outputs);
  if (binding.plan()->device == nullptr) {
    fail(ErrorKind::kUsage,
         "an engine for '{}' has no streams; use infer_async(), or build it for a GPU",
         engine_->info().device);
  }
  binding.start(inputs, outputs, state_->arena.data(), stream);
}

void ExecutionContext::prepare() {
  if (state_->bindings.empty()) state_->add(*engine_, engine_->plan());
}

template <class Map>
void ExecutionContext::check_inputs(const Map& inputs) const {
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

template <class Map>
Binding& ExecutionContext::bind(const Map& inputs) {
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
  finish_started();
  const ThreadCountScope threads(threads_);
  const PinScope pinned(cpus_);
  const FlushDenormalsScope no_denormals;
  return bind(inputs).run(inputs, state_->arena.data(), times, observer);
}

std::vector<int64_t> ExecutionContext::time_device(const TensorMap& inputs, size_t runs,
                                                   bool copies) {
  check_inputs(inputs);
  finish_started();
  return bind(inputs).time_device(inputs, runs, copies);
}

}  // namespace tendon
