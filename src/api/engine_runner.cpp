// EngineRunner: an execution context with the public life cycle.
#include <tendon/runner.h>

#include "api/engine_impl.h"
#include "base/affinity.h"
#include "base/format.h"
#include "base/log.h"
#include "engine/context.h"
#include "engine/plan.h"

namespace tendon {
namespace {

std::vector<double> seconds_from(const std::vector<int64_t>& nanoseconds) {
  std::vector<double> seconds;
  for (const int64_t time : nanoseconds) seconds.push_back(static_cast<double>(time) * 1e-9);
  return seconds;
}

}  // namespace

struct Inference::Work {
  Engine engine;
  ExecutionContext context;
};

Inference::Inference(std::weak_ptr<Work> work, uint64_t number)
    : work_(std::move(work)), number_(number) {}

Inference::Inference(Inference&& other) noexcept
    : work_(std::move(other.work_)), number_(other.number_) {
  other.work_.reset();
}

Inference& Inference::operator=(Inference&& other) noexcept {
  if (this == &other) return *this;
  Inference old(std::move(*this));
  work_ = std::move(other.work_);
  number_ = other.number_;
  other.work_.reset();
  return *this;
}

Inference::~Inference() {
  try {
    wait();
  } catch (const Error& error) {
    log_error("An inference that nobody waited for failed: {}", error.what());
  }
}

bool Inference::done() const {
  const std::shared_ptr<Work> work = work_.lock();
  return work == nullptr || work->context.done(number_);
}

void Inference::wait() {
  if (const std::shared_ptr<Work> work = work_.lock()) work->context.finish(number_);
  work_.reset();
}

EngineRunner::EngineRunner(Loadable<Engine> engine, std::string name, EngineRunnerOptions options)
    : Runner("engine-runner", std::move(name)),
      load_(std::move(engine)),
      options_(std::move(options)) {
  if (options_.threads < 0) {
    fail(ErrorKind::kUsage, "EngineRunner: .threads is {}; expected 0 (as the engine) or more",
         options_.threads);
  }
}

EngineRunner::~EngineRunner() {
  if (state_ == nullptr) return;
  try {
    state_->context.finish_all();
  } catch (const Error& error) {
    log_error("{} | The inference under way failed: {}", name(), error.what());
  }
}

EngineRunner::State& EngineRunner::active_state(std::string_view call) const {
  if (state_ == nullptr) {
    fail(ErrorKind::kUsage, "{} | Must be activated prior to calling {}()", name(), call);
  }
  return *state_;
}

const Engine& EngineRunner::engine() const { return active_state("engine").engine; }

Inference EngineRunner::start(const BufferMap& inputs, const BufferMap& outputs,
                              std::optional<CudaStream> stream) {
  State& state = active_state("infer_async");
  try {
    return Inference(state_, state.context.start(inputs, outputs, stream));
  } catch (const Error& error) {
    throw error.within(name());
  }
}

Inference EngineRunner::infer_async(const BufferMap& inputs, const BufferMap& outputs) {
  return start(inputs, outputs, std::nullopt);
}

Inference EngineRunner::infer_async(const BufferMap& inputs, const BufferMap& outputs,
                                    CudaStream stream) {
  return start(inputs, outputs, stream);
}

void EngineRunner::enqueue(const BufferMap& inputs, const BufferMap& outputs, CudaStream stream) {
  State& state = active_state("enqueue");
  try {
    state.context.enqueue(inputs, outputs, stream);
  } catch (const Error& error) {
    throw error.within(name());
  }
}

void EngineRunner::activate_impl() {
  Engine engine = load_();
  auto compiled = engine.impl().compiled;
  const int threads = options_.threads > 0 ? options_.threads : engine.threads();
  std::vector<int> cpus;
  if (!options_.pin.empty()) cpus = cpus_from_text(options_.pin, threads);
  state_.reset(new State{std::move(engine),
                         ExecutionContext(std::move(compiled), options_.threads, std::move(cpus))});
  state_->context.prepare();
}

void EngineRunner::deactivate_impl() {
  const std::shared_ptr<State> state = std::move(state_);
  state->context.finish_all();
}

std::vector<TensorInfo> EngineRunner::get_input_metadata_impl() const {
  return state_->engine.inputs();
}

const TensorMap& EngineRunner::infer_impl(const TensorMap& inputs) {
  return state_->context.infer(inputs);
}

std::vector<double> EngineRunner::profile(const TensorMap& inputs) {
  infer_view(inputs);
  StepTimes times;
  state_->context.infer(inputs, &times);
  return seconds_from(times);
}

std::vector<double> EngineRunner::device_times(const TensorMap& inputs, size_t runs, bool copies) {
  if (state_->context.plan().device == nullptr) return {};
  infer_view(inputs);
  return seconds_from(state_->context.time_device(inputs, runs, copies));
}

}  // namespace tendon
