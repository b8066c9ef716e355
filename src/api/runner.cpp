// Runner: names, life cycle and input checks that all runners share; ReplayRunner.
#include <tendon/runner.h>

#include <atomic>
#include <chrono>
#include <ctime>

#include "api/input_fit.h"
#include "api/names.h"
#include "base/log.h"

namespace tendon {
namespace {

std::string default_name(std::string_view prefix) {
  static std::atomic<int> count{0};
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  char when[32];
  std::strftime(when, sizeof(when), "%Y-%m-%d-%H:%M:%S", &local);
  return fmt::format("{}-N{}-{}", prefix, count++, when);
}

std::vector<std::string> names_of(const std::vector<TensorInfo>& infos) {
  std::vector<std::string> names;
  for (const TensorInfo& info : infos) names.push_back(info.name);
  return names;
}

/// Names both what is missing and what is too much.
[[noreturn]] void fail_names(const std::string& runner, const TensorMap& inputs,
                             const std::vector<TensorInfo>& expected) {
  const std::vector<std::string> known = names_of(expected);
  std::string text;
  for (const TensorInfo& info : expected) {
    const auto found = inputs.find(info.name);
    if (found == inputs.end() || !found->second.defined()) {
      text += fmt::format("\nMissing input: {}", to_string(info));
    }
  }
  for (const auto& [name, tensor] : inputs) {
    if (find(expected, name) == nullptr) {
      text += fmt::format("\nExtra input: {} {}{}", name, tensor.type(), did_you_mean(name, known));
    }
  }
  fail(ErrorKind::kUsage, "{} | The inputs given are not the inputs of the model.{}\nExpected: {}",
       runner, text, quoted_list(known));
}

}  // namespace

Runner::Runner(std::string_view prefix, std::string name)
    : name_(name.empty() ? default_name(prefix) : std::move(name)) {}

Runner::~Runner() = default;

void Runner::activate() {
  if (active_) {
    log_warning("{} | Already active; will not activate again", name_);
    return;
  }
  activate_impl();
  input_metadata_ = get_input_metadata_impl();
  active_ = true;
}

void Runner::deactivate() {
  if (!active_) {
    log_warning("{} | Not active; will not deactivate", name_);
    return;
  }
  active_ = false;
  last_seconds_ = -1;
  input_metadata_.clear();
  deactivate_impl();
}

void Runner::require_active(std::string_view call) const {
  if (!active_) {
    fail(ErrorKind::kUsage,
         "{} | Must be activated prior to calling {}(); call activate() or hold a scope()", name_,
         call);
  }
}

void Runner::check_inputs(const TensorMap& inputs) const {
  bool complete = inputs.size() == input_metadata_.size();
  for (const TensorInfo& info : input_metadata_) {
    const auto found = inputs.find(info.name);
    complete = complete && found != inputs.end() && found->second.defined();
  }
  if (!complete) fail_names(name_, inputs, input_metadata_);
  for (const TensorInfo& info : input_metadata_) {
    const Tensor& tensor = inputs.find(info.name)->second;
    if (tensor.dtype() != info.dtype) {
      fail(ErrorKind::kUsage,
           "{} | Input tensor: {} | Received unexpected dtype: {}.\nExpected type: {}; convert it "
           "first, for example with tendon::cast",
           name_, info.name, tensor.dtype(), info.dtype);
    }
    if (!info.accepts(tensor.shape())) {
      fail(ErrorKind::kUsage,
           "{} | Input tensor: {} | Received incompatible shape: {}.\nExpected a shape compatible "
           "with: {}; {}",
           name_, info.name, tensor.shape(), to_string(info.axes),
           shape_advice(info, tensor, input_metadata_));
    }
  }
}

const TensorMap& Runner::infer_view(const TensorMap& inputs) {
  require_active("infer");
  if (!is_replay()) check_inputs(inputs);
  const auto start = std::chrono::steady_clock::now();
  const TensorMap& outputs = infer_impl(inputs);
  last_seconds_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return outputs;
}

TensorMap Runner::infer(const TensorMap& inputs) { return infer_view(inputs); }

const std::vector<TensorInfo>& Runner::get_input_metadata() const {
  require_active("get_input_metadata");
  return input_metadata_;
}

double Runner::last_inference_time() const {
  require_active("last_inference_time");
  if (last_seconds_ < 0) {
    fail(ErrorKind::kUsage, "{} | No inference has run yet; call infer() first", name_);
  }
  return last_seconds_;
}

ReplayRunner::ReplayRunner(Loadable<std::vector<TensorMap>> outputs, std::string name)
    : Runner("replay-runner", std::move(name)), load_(std::move(outputs)) {}

void ReplayRunner::activate_impl() {
  outputs_ = load_();
  next_ = 0;
}

void ReplayRunner::deactivate_impl() { outputs_.clear(); }

const TensorMap& ReplayRunner::infer_impl(const TensorMap&) {
  if (next_ == outputs_.size()) {
    fail(ErrorKind::kUsage,
         "{} | All {} recorded iteration(s) were given; give no more inputs than were recorded, or "
         "activate the runner again to rewind",
         name(), outputs_.size());
  }
  return outputs_[next_++];
}

}  // namespace tendon
