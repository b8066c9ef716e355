// Measures what each INT8 layer does to the actions and raises the worst for the time they cost.
#include <tendon/loaders.h>
#include <tendon/precision_search.h>
#include <tendon/runner.h>

#include <algorithm>
#include <cmath>

#include "base/log.h"
#include "base/text_table.h"
#include "compare/int8_layers.h"
#include "compare/quietly.h"

namespace tendon {
namespace {

/// Faster than the clock tells apart.
constexpr double kLeastMilliseconds = 1e-3;

/// An engine's share of the budget and the time of its run and of each layer.
struct Measured {
  double share = 0;
  double milliseconds = 0;
  size_t weight_bytes = 0;
  std::map<std::string, double> layer_milliseconds;
};

class Search {
 public:
  Search(const Network& network, EngineConfig config, std::span<const TensorMap> frames,
         const NormStats& stats, const ErrorBudget& budget, std::string output)
      : network_(network),
        config_(for_trials(std::move(config))),
        frames_(frames),
        stats_(stats),
        budget_(budget),
        output_(std::move(output)) {
    if (frames.empty())
      fail(ErrorKind::kUsage, "search_precisions: there are no frames to judge by");
  }

  PrecisionSearchResult run() {
    config_.int8_layers.reset();
    const Measured exact = measure_float();
    const Engine recipe = engine(std::nullopt);
    PrecisionSearchResult result;
    result.int8_layers = recipe.int8_layers();
    Measured now = measure(recipe, true);
    note(result, now);
    if (now.share <= 1) return result;

    for (const std::string& layer : result.int8_layers) {
      const Measured alone = measure(engine(std::set<std::string>{layer}), false);
      const double saved = time_of(exact, layer) - time_of(now, layer);
      result.sensitivities.push_back({layer, alone.share, saved});
      log_verbose("Only '{}' in INT8 uses {:.2f} of the limit and saves {:.3f} ms", layer,
                  alone.share, saved);
    }
    const auto worth_raising = [](const LayerSensitivity& layer) {
      return layer.share * layer.share / std::max(layer.milliseconds, kLeastMilliseconds);
    };
    std::ranges::stable_sort(result.sensitivities, std::greater<>(), worth_raising);
    // Errors of different layers are nearly independent, so that their squares add up.
    double expected = now.share * now.share;
    for (const LayerSensitivity& layer : result.sensitivities) {
      result.int8_layers.erase(layer.layer);
      result.raised.push_back(layer.layer);
      expected -= layer.share * layer.share;
      if (expected > 1 && !result.int8_layers.empty()) continue;
      now = measure(engine(result.int8_layers), true);
      note(result, now);
      if (now.share <= 1) return result;
      expected = now.share * now.share;
    }
    return result;
  }

 private:
  Engine engine(std::optional<std::set<std::string>> layers) const {
    const EngineConfig config = layers ? with_int8_layers(config_, std::move(*layers)) : config_;
    return quietly([&] { return engine_from_network(network_, config); });
  }

  Measured measure_float() {
    EngineConfig config = config_;
    config.int8 = false;
    config.calibrator = nullptr;
    config.calibration.reset();
    config.layer_precisions.clear();
    EngineRunner runner(quietly([&] { return engine_from_network(network_, config); }));
    const auto scope = runner.scope();
    for (const TensorMap& frame : frames_) exact_.push_back(action_of(runner.infer(frame)));
    return profiled(runner, {});
  }

  Measured measure(const Engine& engine, bool with_times) const {
    EngineRunner runner(engine);
    const auto scope = runner.scope();
    ActionAccumulator errors(stats_);
    Measured measured;
    measured.milliseconds = std::numeric_limits<double>::infinity();
    for (size_t i = 0; i < frames_.size(); ++i) {
      errors.add(action_of(runner.infer(frames_[i])), exact_[i]);
      measured.milliseconds = std::min(measured.milliseconds, runner.last_inference_time() * 1e3);
    }
    measured.share = share_of_budget(errors.finish("INT8", "float32"), budget_);
    measured.weight_bytes = engine.weight_bytes();
    return with_times ? profiled(runner, std::move(measured)) : measured;
  }

  Measured profiled(EngineRunner& runner, Measured measured) const {
    constexpr int kRuns = 5;
    const std::vector<LayerInfo> layers = runner.engine().layers();
    for (int run = 0; run < kRuns; ++run) {
      const std::vector<double> seconds = runner.profile(frames_[0]);
      for (size_t i = 0; i < layers.size(); ++i) {
        const auto [place, is_new] =
            measured.layer_milliseconds.try_emplace(layers[i].name, seconds[i] * 1e3);
        if (!is_new) place->second = std::min(place->second, seconds[i] * 1e3);
      }
    }
    return measured;
  }

  static double time_of(const Measured& measured, const std::string& layer) {
    const auto found = measured.layer_milliseconds.find(layer);
    return found == measured.layer_milliseconds.end() ? 0 : found->second;
  }

  Tensor action_of(const TensorMap& outputs) const {
    const auto found = outputs.find(output_);
    if (found == outputs.end()) {
      fail(ErrorKind::kUsage, "search_precisions: the network has no output '{}'", output_);
    }
    return found->second;
  }

  static void note(PrecisionSearchResult& result, const Measured& measured) {
    result.trials.push_back(
        {result.int8_layers.size(), measured.share, measured.milliseconds, measured.weight_bytes});
    log_info("INT8 in {} layers: {:.2f} of the error limit, {:.2f} ms", result.int8_layers.size(),
             measured.share, measured.milliseconds);
  }

  const Network& network_;
  EngineConfig config_;
  std::span<const TensorMap> frames_;
  const NormStats& stats_;
  const ErrorBudget& budget_;
  std::string output_;
  std::vector<Tensor> exact_;
};

}  // namespace

PrecisionSearchResult search_precisions(const Network& network, EngineConfig config,
                                        std::span<const TensorMap> frames, const NormStats& stats,
                                        const ErrorBudget& budget, const std::string& output) {
  return Search(network, std::move(config), frames, stats, budget, output).run();
}

std::string to_text(const PrecisionSearchResult& result) {
  using Align = TextTable::Align;
  TextTable trials({{"INT8 layers", Align::kRight},
                    {"share of limit", Align::kRight},
                    {"ms", Align::kRight},
                    {"weights", Align::kRight}});
  for (const PrecisionTrial& trial : result.trials) {
    trials.add_row(
        {std::to_string(trial.int8_layers), fmt::format("{:.2f}", trial.share),
         fmt::format("{:.2f}", trial.milliseconds),
         fmt::format("{:.2f} MiB", static_cast<double>(trial.weight_bytes) / (1 << 20))});
  }
  std::string text = trials.to_string();
  if (result.raised.empty()) return text;
  TextTable raised({{"raised layer", Align::kLeft},
                    {"share of limit alone", Align::kRight},
                    {"ms that INT8 saved", Align::kRight}});
  for (const std::string& layer : result.raised) {
    const auto found = std::ranges::find(result.sensitivities, layer, &LayerSensitivity::layer);
    raised.add_row(
        {layer, fmt::format("{:.2f}", found->share), fmt::format("{:.3f}", found->milliseconds)});
  }
  return text + "\n" + raised.to_string();
}

}  // namespace tendon
