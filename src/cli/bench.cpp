// `tendon bench`: latency percentiles of a model or engine, and the time of each layer.
#include <tendon/compare.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>

#include "base/cpu_peak.h"
#include "base/log.h"
#include "cli/data_options.h"
#include "cli/gpu_memory.h"
#include "cli/layer_profile.h"
#include "cli/model_options.h"
#include "cli/output.h"
#include "cli/placed_buffers.h"
#include "cli/progress.h"
#include "cli/verb.h"

namespace tendon::cli {
namespace {

using Clock = std::chrono::steady_clock;

struct BenchCommand {
  std::string model;
  BuildOptions build;
  DataOptions data;
  int warm_up = 5;
  double duration = 0;
  std::string memory;
  bool profile = false;
  bool jitter = false;
  std::string trace;
};

struct Percentile {
  const char* name;
  double share;
};
constexpr Percentile kPercentiles[] = {{"min", 0},    {"p50", 0.5},     {"p90", 0.9},
                                       {"p99", 0.99}, {"p99.9", 0.999}, {"max", 1}};

/// Order statistic without interpolation: a share of the runs took no longer.
double percentile(const std::vector<double>& sorted, double share) {
  const auto rank = static_cast<size_t>(std::ceil(share * static_cast<double>(sorted.size())));
  return sorted[std::clamp<size_t>(rank, 1, sorted.size()) - 1];
}

std::vector<TensorMap> collect(const Inputs& inputs, const std::vector<TensorInfo>& wanted,
                               int64_t limit) {
  std::vector<TensorMap> items;
  const DataSource::Next next = inputs.source.start(wanted);
  while (static_cast<int64_t>(items.size()) < limit) {
    std::optional<TensorMap> item = next();
    if (!item) break;
    items.push_back(std::move(*item));
  }
  return items;
}

/// One run on an item, in seconds: through tensors, or on buffers in the memory asked for.
std::function<double(size_t item)> timed_run(EngineRunner& runner,
                                             const std::vector<TensorMap>& items,
                                             const BenchCommand& options) {
  if (options.memory.empty()) {
    return [&](size_t item) {
      runner.infer_view(items[item]);
      return runner.last_inference_time();
    };
  }
  const Memory memory = options.memory == "gpu"      ? Memory::kCuda
                        : options.memory == "pinned" ? Memory::kPinned
                                                     : Memory::kHost;
  std::vector<BufferMap> inputs;
  for (const TensorMap& item : items) {
    inputs.push_back(placed_buffers(runner.engine(), item, memory));
  }
  const BufferMap outputs = placed_buffers(runner.engine(), runner.infer(items.front()), memory);
  return [&runner, inputs, outputs](size_t item) {
    const auto start = Clock::now();
    runner.infer_async(inputs[item], outputs).wait();
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
}

/// Seconds of each run, and of the loops between them.
struct Times {
  std::vector<double> inferences, loops;
};

Times measure(EngineRunner& runner, const std::vector<TensorMap>& items,
              const BenchCommand& options) {
  const auto run = timed_run(runner, items, options);
  double least = 0;
  for (int i = 0; i < std::max(options.warm_up, options.jitter ? 1 : 0); ++i) least = run(0);
  std::optional<SteadyLoop> loop;
  if (options.jitter) loop.emplace(runner.engine().threads(), least);
  Times times;
  Progress progress("Measuring", options.data.iterations, "inferences");
  const auto start = Clock::now();
  const auto elapsed = [&] { return std::chrono::duration<double>(Clock::now() - start).count(); };
  while (static_cast<int64_t>(times.inferences.size()) < options.data.iterations ||
         elapsed() < options.duration) {
    times.inferences.push_back(run(times.inferences.size() % items.size()));
    if (loop) times.loops.push_back(loop->run());
    progress.advance();
  }
  std::ranges::sort(times.inferences);
  std::ranges::sort(times.loops);
  return times;
}

Json latency_as_json(const std::vector<double>& sorted) {
  Json latency;
  for (const Percentile& p : kPercentiles) latency[p.name] = percentile(sorted, p.share) * 1e3;
  return latency;
}

std::string gpu_text(std::string_view what, const std::vector<double>& sorted) {
  if (sorted.empty()) return {};
  return fmt::format("GPU time {}: min {:.4f}, p50 {:.4f}, p99 {:.4f} ms\n", what,
                     sorted.front() * 1e3, percentile(sorted, 0.5) * 1e3,
                     percentile(sorted, 0.99) * 1e3);
}

std::string jitter_text(const std::vector<double>& inferences, const std::vector<double>& loops) {
  const auto spread = [](const std::vector<double>& sorted) {
    return percentile(sorted, 0.99) / percentile(sorted, 0.5);
  };
  return fmt::format(
      "p99 / p50 of inferences {:.2f}; of a loop of arithmetic in turns with them, p50 {:.3f} ms, "
      "{:.2f}: what of it the machine does\n",
      spread(inferences), percentile(loops, 0.5) * 1e3, spread(loops));
}

bool run(const BenchCommand& options, const CommonOptions& common) {
  EngineRunner runner(engine_from_file(options.model, options.build), options.model,
                      runner_options_from(options.build));
  const auto scope = runner.scope();
  // A few different inputs, held in memory: reading them is not what is measured.
  constexpr int64_t kInputs = 8;
  DataOptions data = options.data;
  if (data.inputs.empty() && data.episodes.empty()) data.iterations = 1;
  if (!data.episodes.empty() && data.frames == 0) data.frames = kInputs;
  const auto& wanted = runner.get_input_metadata();
  const std::vector<TensorMap> items =
      collect(inputs_from(data, wanted, runner.engine().metadata()), wanted, kInputs);
  if (items.empty())
    fail_input("there are no inputs to measure with; check --inputs or --episodes");

  const auto [sorted, loops] = measure(runner, items, options);
  const double mean =
      std::accumulate(sorted.begin(), sorted.end(), 0.0) / static_cast<double>(sorted.size());
  LayerProfile profile;
  if (options.profile || !options.trace.empty()) {
    profile =
        profile_layers(runner, items, std::min<size_t>(sorted.size(), 20), options.build.threads);
  }
  if (!options.trace.empty()) write_trace(options.trace, profile);
  std::vector<double> gpu = runner.device_times(items.front(), sorted.size(), false);
  std::vector<double> gpu_with_copies = runner.device_times(items.front(), sorted.size(), true);
  std::ranges::sort(gpu);
  std::ranges::sort(gpu_with_copies);

  if (common.json) {
    Json latency = latency_as_json(sorted);
    latency["mean"] = mean * 1e3;
    Json result{
        {"model", options.model},
        {"device", runner.engine().device()},
        {"threads", options.build.threads > 0 ? options.build.threads : runner.engine().threads()},
        {"iterations", sorted.size()},
        {"latency_ms", latency},
        {"activation_bytes", runner.engine().activation_bytes()},
        {"kernels_per_inference", runner.engine().layers().size()}};
    if (!gpu.empty()) {
      result["gpu_ms"] = latency_as_json(gpu);
      result["gpu_with_copies_ms"] = latency_as_json(gpu_with_copies);
    }
    if (!loops.empty()) result["machine_ms"] = latency_as_json(loops);
    add_gpu_memory(result, runner.engine());
    if (options.profile) result.update(as_json(profile));
    print_json(result);
    return true;
  }
  std::string text;
  if (options.profile) text += as_text(profile) + "\n";
  text += fmt::format("{} inferences after {} to warm up, {} kernels each\n", sorted.size(),
                      options.warm_up, runner.engine().layers().size());
  for (const Percentile& p : kPercentiles) {
    text += fmt::format("  {:<6}{:>10.3f} ms\n", p.name, percentile(sorted, p.share) * 1e3);
  }
  text += fmt::format("  {:<6}{:>10.3f} ms\n", "mean", mean * 1e3);
  if (!loops.empty()) text += jitter_text(sorted, loops);
  text += gpu_text("of the kernels", gpu) + gpu_text("with copies", gpu_with_copies);
  const std::string memory = gpu_memory_text(runner.engine());
  if (!memory.empty()) text += fmt::format("GPU memory: {}\n", memory);
  if (sorted.size() < 1000) {
    text += fmt::format("p99.9 needs 10000 runs or more; this is {}.\n", sorted.size());
  }
  print_text(text);
  return true;
}

}  // namespace

Verb bench_verb() {
  return {"bench", "Measure latency, and the time of each layer",
          "  tendon bench policy.engine --iterations 1000 --profile\n"
          "  tendon bench policy.engine --episodes episodes/ --stats dataset_stats.pkl "
          "--trace trace.json",
          [](CLI::App& app, const CommonOptions& common) -> std::function<bool()> {
            const auto options = std::make_shared<BenchCommand>();
            options->data.iterations = 50;
            app.add_option("MODEL_OR_ENGINE", options->model,
                           "Model (.onnx), checkpoint or engine (.engine)")
                ->required();
            app.add_option("--warm-up,--warmUp", options->warm_up,
                           "Runs before the first one that counts")
                ->check(require_not_negative)
                ->capture_default_str();
            app.add_option("--duration", options->duration, "Measure for at least this long")
                ->check(require_not_negative)
                ->type_name("SECONDS");
            app.add_option("--memory", options->memory,
                           "Measure on buffers in this memory: host, pinned or gpu; else through "
                           "tensors, which an engine for a GPU copies to pinned memory")
                ->check(CLI::IsMember({"host", "pinned", "gpu"}))
                ->type_name("KIND");
            app.add_flag("--profile", options->profile, "Time each layer as well");
            app.add_flag("--jitter", options->jitter,
                         "Also time a loop of arithmetic that takes as long, on the same threads "
                         "and in turns: how steady the machine itself is");
            app.add_option("--trace", options->trace, "Write a Chrome trace of the layers")
                ->type_name("FILE.json");
            add_data_options(app, options->data);
            add_build_options(app, options->build);
            add_run_options(app, options->build);
            return [options, &common] {
              take_data_options(options->build.checkpoint, options->data);
              return run(*options, common);
            };
          }};
}

}  // namespace tendon::cli
