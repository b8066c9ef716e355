// `tendon run`: runs a model or engine on inputs from a file, from episodes or on random values.
#include <tendon/compare.h>

#include <CLI/CLI.hpp>

#include "base/log.h"
#include "base/text_table.h"
#include "cli/data_options.h"
#include "cli/model_options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/verb.h"

namespace tendon::cli {
namespace {

struct RunCommand {
  std::string model;
  BuildOptions build;
  DataOptions data;
  int warm_up = 0;
  std::string save_inputs;
  std::string save_outputs;
  bool validate = false;
};

std::string where_of(const Inputs& inputs, size_t iteration) {
  if (iteration >= inputs.frames.size()) return fmt::format("{}", iteration);
  const FrameId frame = inputs.frames[iteration];
  return fmt::format("{} step {}", inputs.dataset->name(frame.episode), frame.step);
}

/// Statistics of each output over all iterations, as one tensor's would be.
struct OutputSummary {
  Shape shape;
  DataType dtype = DataType::kFloat32;
  double min = 0, max = 0, sum = 0;
  int64_t count = 0, nan_count = 0, inf_count = 0;

  void add(const Tensor& tensor) {
    const TensorStatistics found = compute_statistics(tensor);
    shape = tensor.shape();
    dtype = tensor.dtype();
    min = count == 0 ? found.min : std::min(min, found.min);
    max = count == 0 ? found.max : std::max(max, found.max);
    sum += found.mean * static_cast<double>(found.count);
    count += found.count;
    nan_count += found.nan_count;
    inf_count += found.inf_count;
  }
  double mean() const { return count == 0 ? 0 : sum / static_cast<double>(count); }
};

bool run(const RunCommand& options, const CommonOptions& common) {
  const std::unique_ptr<EngineRunner> runner = runner_from_file(options.model, options.build);
  const auto scope = runner->scope();
  const Inputs inputs =
      inputs_from(options.data, runner->get_input_metadata(), runner->engine().metadata());
  std::map<std::string, OutputSummary> outputs;
  std::vector<double> seconds;
  std::vector<std::string> problems;
  {
    Progress progress("Running", inputs.count, "inferences");
    Comparator::stream({runner.get()}, inputs.source,
                       [&](const TensorMap&, std::span<const IterationResult> results) {
                         for (const auto& [name, tensor] : results[0].outputs) {
                           OutputSummary& summary = outputs[name];
                           const int64_t bad = summary.nan_count + summary.inf_count;
                           summary.add(tensor);
                           if (options.validate && summary.nan_count + summary.inf_count > bad) {
                             problems.push_back(fmt::format("output '{}' of {}", name,
                                                            where_of(inputs, seconds.size())));
                           }
                         }
                         seconds.push_back(results[0].runtime);
                         progress.advance();
                         return true;
                       },
                       {.warm_up = options.warm_up,
                        .save_inputs_path = options.save_inputs,
                        .save_outputs_path = options.save_outputs});
  }
  for (const std::string& problem : problems) log_error("NaN or Inf in {}", problem);
  const LatencyStatistics latency = compute_latency(seconds);
  if (common.json) {
    Json result{{"model", options.model},
                {"iterations", seconds.size()},
                {"latency_ms",
                 {{"p50", latency.p50 * 1e3},
                  {"p90", latency.p90 * 1e3},
                  {"p99", latency.p99 * 1e3},
                  {"max", latency.max * 1e3},
                  {"mean", latency.mean * 1e3}}}};
    for (const auto& [name, output] : outputs) {
      result["outputs"][name] = {{"dtype", name_of(output.dtype)},
                                 {"shape", output.shape.dims()},
                                 {"min", output.min},
                                 {"max", output.max},
                                 {"mean", output.mean()},
                                 {"nan_count", output.nan_count},
                                 {"inf_count", output.inf_count}};
    }
    print_json(result);
  } else {
    using enum TextTable::Align;
    TextTable table({{"output"},
                     {"type"},
                     {"min", kRight},
                     {"mean", kRight},
                     {"max", kRight},
                     {"NaN", kRight},
                     {"Inf", kRight}});
    for (const auto& [name, output] : outputs) {
      table.add_row({name, fmt::format("{}{}", output.dtype, output.shape),
                     fmt::format("{:.5g}", output.min), fmt::format("{:.5g}", output.mean()),
                     fmt::format("{:.5g}", output.max), fmt::format("{}", output.nan_count),
                     fmt::format("{}", output.inf_count)});
    }
    print_text(fmt::format("{}\n{}\n", table.to_string(), to_string(latency)));
  }
  return problems.empty();
}

}  // namespace

Verb run_verb() {
  return {"run", "Run a model or engine",
          "  tendon run policy.engine --episodes episodes/ --stats dataset_stats.pkl --stride 10\n"
          "  tendon run policy.onnx --inputs inputs.npz --save-outputs outputs.npz",
          [](CLI::App& app, const CommonOptions& common) -> std::function<bool()> {
            const auto options = std::make_shared<RunCommand>();
            app.add_option("MODEL_OR_ENGINE", options->model,
                           "Model (.onnx), checkpoint or engine (.engine)")
                ->required();
            app.add_option("--warm-up", options->warm_up, "Runs before the first one that counts")
                ->check(require_not_negative);
            app.add_option("--save-inputs", options->save_inputs, "Write the inputs (.npz)")
                ->type_name("FILE");
            app.add_option("--save-outputs", options->save_outputs, "Write the outputs (.npz)")
                ->type_name("FILE");
            app.add_flag("--validate", options->validate, "Fail where an output holds NaN or Inf");
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
