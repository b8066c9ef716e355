// Calibrator: memory, then cache, then a run.
#include <tendon/calibrator.h>

#include <filesystem>

#include "api/calibration_run.h"
#include "api/network_impl.h"
#include "base/log.h"
#include "ir/identity.h"
#include "ir/infer.h"
#include "passes/pipeline.h"
#include "quant/algorithm.h"
#include "quant/merge.h"

namespace tendon {
namespace {

CalibratorOptions checked(CalibratorOptions options) {
  check(RangeOptions{options.algorithm, options.quantile, options.regression_cutoff});
  const Shard& shard = options.shard;
  if (shard.count < 1 || shard.number < 1 || shard.number > shard.count) {
    fail(ErrorKind::kUsage, "Calibrator: .shard is {}/{}, expected a number from 1 to the count",
         shard.number, shard.count);
  }
  if (options.batch_size < 0 || options.skip_bad < 0 || options.checkpoint_every < 1 ||
      !(options.held_out > 0 && options.held_out < 1)) {
    fail(ErrorKind::kUsage,
         "Calibrator: .batch_size {}, .skip_bad {}, .checkpoint_every {}, .held_out {}; expected "
         "at least 0, 0 and 1, and a share between 0 and 1",
         options.batch_size, options.skip_bad, options.checkpoint_every, options.held_out);
  }
  return options;
}

/// Throws, or warns where `force` is set.
template <class... Args>
void refuse(bool force, fmt::format_string<Args...> text, Args&&... args) {
  const std::string message = fmt::format(text, std::forward<Args>(args)...);
  if (!force) fail_input("{}", message);
  log_warning("{}", message);
}

template <class T>
void require_equal(std::string_view what, const T& cached, const T& wanted,
                   const CalibratorOptions& options) {
  if (cached == wanted) return;
  refuse(
      options.force,
      "the cache {} was made with another {}: {} instead of {}; delete it to calibrate again, or "
      "force its use",
      options.cache, what, cached, wanted);
}

void require_same_source(const CalibrationInfo& cached, const CalibrationInfo& wanted,
                         const CalibratorOptions& options) {
  require_equal("algorithm", name_of(cached.range.algorithm), name_of(options.algorithm), options);
  const AlgorithmRow& row = row_of(options.algorithm);
  require_equal("quantile", cached.range.quantile.value_or(row.quantile),
                options.quantile.value_or(row.quantile), options);
  require_equal("regression cutoff", cached.range.regression_cutoff.value_or(row.regression_cutoff),
                options.regression_cutoff.value_or(row.regression_cutoff), options);
  if (wanted.statistics_sha256.empty()) return;
  require_equal("set of statistics", cached.statistics_sha256, wanted.statistics_sha256, options);
  require_equal("order of cameras", fmt::format("{}", fmt::join(cached.cameras, ",")),
                fmt::format("{}", fmt::join(wanted.cameras, ",")), options);
  require_equal("order of colours", cached.color, wanted.color, options);
}

}  // namespace

struct Calibrator::State {
  CalibratorOptions options;
  FrameSource source;
  std::optional<Calibration> found;
  std::string model;
  std::vector<TensorMap> sample;
  /// The model that the sample was drawn for.
  std::string sampled;
  /// Whether a run draws a sample on the way: who only wants a calibration needs no memory for it.
  bool draws_sample = false;
};

Calibrator::Calibrator(DataSource data, CalibratorOptions options)
    : state_(new State{
          checked(std::move(options)), frame_source_from(std::move(data)), {}, {}, {}, {}, false}) {
  log_info("Created calibrator [cache={}]", state_->options.cache);
}

Calibrator::Calibrator(Observations data, CalibratorOptions options)
    : state_(new State{checked(std::move(options)), {}, {}, {}, {}, {}, false}) {
  state_->source = frame_source_from(data, state_->options.shard);
  log_info("Created calibrator [cache={}]", state_->options.cache);
}

Calibrator::~Calibrator() = default;
Calibrator::Calibrator(Calibrator&&) noexcept = default;
Calibrator& Calibrator::operator=(Calibrator&&) noexcept = default;

const CalibratorOptions& Calibrator::options() const { return state_->options; }

void Calibrator::reset() { state_->found.reset(); }

const Calibration& Calibrator::calibrate(const Network& network) {
  const std::string model = graph_sha256(network.impl().graph);
  if (state_->found && state_->model == model) return *state_->found;
  const CalibratorOptions& options = state_->options;
  if (!options.cache.empty() && std::filesystem::exists(options.cache)) {
    log_info("Loading calibration cache from {}", options.cache);
    const Calibration cached = options.shard.count == 1
                                   ? Calibration::load(options.cache, options.force)
                                   : Calibration::load_part(options.cache);
    if (cached.has_provenance()) {
      require_same_model(cached, network, options.force);
      require_same_source(cached.info(), state_->source.info, options);
    } else {
      log_warning("{} has no .json beside it: nothing tells which model and data it belongs to",
                  options.cache);
    }
    state_->found = cached;
  } else {
    state_->draws_sample = true;
    state_->found = run(network);
  }
  state_->model = model;
  return *state_->found;
}

Calibration Calibrator::run(const Network& network) {
  CalibrationRun run(network, state_->options, state_->source);
  if (state_->draws_sample) run.keep_sample();
  const Calibration made = run.run();
  if (state_->draws_sample) {
    state_->sample = run.sample();
    state_->sampled = made.info().model_sha256;
  }
  if (!state_->options.cache.empty()) {
    made.save(state_->options.cache, state_->options.tensorrt_version);
    run.remove_journal();
  }
  return made;
}

const std::vector<TensorMap>& Calibrator::sample(const Network& network) {
  const std::string model = graph_sha256(network.impl().graph);
  if (state_->sampled != model) {
    CalibrationRun run(network, state_->options, state_->source);
    run.draw_sample();
    state_->sample = run.sample();
    state_->sampled = model;
  }
  return state_->sample;
}

Calibration merge_calibrations(std::span<const Calibration> parts, const Network& network,
                               std::optional<RangeOptions> range) {
  std::vector<const Calibration::Data*> all;
  for (const Calibration& part : parts) {
    require_same_model(part, network);
    all.push_back(&part.data());
  }
  Calibration::Data whole = merged(all, range);
  Graph graph = network.impl().graph;
  bind_inputs(graph, {});
  run_passes(graph, {.stage = PassStage::kCanonical});
  const std::vector<Consumer> consumers = consumers_of(graph, whole.values);
  return Calibration(finished(std::move(whole), consumers));
}

void require_same_model(const Calibration& calibration, const Network& network, bool force) {
  if (!calibration.has_provenance()) return;
  const std::string model = graph_sha256(network.impl().graph);
  const CalibrationInfo& info = calibration.info();
  if (info.model_sha256 == model) return;
  refuse(
      force,
      "the calibration is of another model: '{}' with digest {}, this one is '{}' with digest {}; "
      "calibrate this model, or force its use",
      info.model_name, info.model_sha256.substr(0, 12), network.name(), model.substr(0, 12));
}

}  // namespace tendon
