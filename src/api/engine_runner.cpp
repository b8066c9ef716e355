// EngineRunner: an execution context with the public life cycle.
#include <tendon/runner.h>

#include "api/engine_impl.h"
#include "base/affinity.h"
#include "base/format.h"
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

struct EngineRunner::State {
  Engine engine;
  ExecutionContext context;
};

EngineRunner::EngineRunner(Loadable<Engine> engine, std::string name, EngineRunnerOptions options)
    : Runner("engine-runner", std::move(name)),
      load_(std::move(engine)),
      options_(std::move(options)) {
  if (options_.threads < 0) {
    fail(ErrorKind::kUsage, "EngineRunner: .threads is {}; expected 0 (as the engine) or more",
         options_.threads);
  }
}

EngineRunner::~EngineRunner() = default;

const Engine& EngineRunner::engine() const {
  if (state_ == nullptr) {
    fail(ErrorKind::kUsage, "{} | Must be activated prior to calling engine()", name());
  }
  return state_->engine;
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

void EngineRunner::deactivate_impl() { state_.reset(); }

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
