// `tendon calibrate`: finds the activation ranges of a model from episodes, or from random data.
#include <tendon/calibrator.h>
#include <tendon/loaders.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>

#include "base/log.h"
#include "cli/calibrate_report.h"
#include "cli/calibration_frames.h"
#include "cli/camera_order.h"
#include "cli/data_options.h"
#include "cli/ranks.h"
#include "cli/verb.h"
#include "quant/calibration_json.h"

namespace tendon::cli {
namespace {

struct CalibrateCommand {
  std::string model;
  std::string output;
  DataOptions data;
  std::string sampling = "uniform";
  std::string algorithm;
  std::optional<double> quantile;
  std::optional<double> regression_cutoff;
  int64_t batch_size = 1;
  std::string random;
  int64_t skip_bad = 0;
  std::string shard;
  bool force = false;
  double held_out = 0.125;
  std::string tensorrt_version = "100300";
  std::string device = "cpu";
  int threads = 0;
  std::vector<std::string> parts;
};

Shard shard_from(const std::string& text) {
  if (text.empty()) return {};
  Shard shard;
  const char* end = text.data() + text.size();
  const auto number = std::from_chars(text.data(), end, shard.number);
  const bool slash = number.ec == std::errc() && number.ptr != end && *number.ptr == '/';
  const auto count = slash ? std::from_chars(number.ptr + 1, end, shard.count) : number;
  if (!slash || count.ec != std::errc() || count.ptr != end || shard.number < 1 ||
      shard.number > shard.count) {
    fail(ErrorKind::kUsage, "--shard '{}' is no part of a whole, expected such as 2/3", text);
  }
  return shard;
}

std::optional<RandomBaseline> baseline_from(const CalibrateCommand& options) {
  if (options.random.empty()) return std::nullopt;
  return random_baseline_from_name(options.random);
}

/// The algorithm that was asked for, else least squares over all frames; random baselines stand for
/// what TensorRT did, which took its entropy.
RangeOptions range_options(const CalibrateCommand& options) {
  CalibrationAlgorithm algorithm =
      options.random.empty() ? kDefaultAlgorithm : CalibrationAlgorithm::kEntropy2;
  if (!options.algorithm.empty()) algorithm = calibration_algorithm_from_name(options.algorithm);
  return {algorithm, options.quantile, options.regression_cutoff};
}

CalibratorOptions calibrator_options(const CalibrateCommand& options, const Ranks& ranks) {
  CalibratorOptions made;
  const RangeOptions range = range_options(options);
  made.algorithm = range.algorithm;
  made.quantile = range.quantile;
  made.regression_cutoff = range.regression_cutoff;
  made.skip_bad = options.skip_bad;
  made.held_out = options.held_out;
  made.shard = shard_from(options.shard);
  made.force = options.force;
  made.device = options.device;
  made.threads = options.threads;
  made.tensorrt_version = options.tensorrt_version;
  made.random = baseline_from(options);
  if (ranks.count() == 1) {
    made.cache = options.output;
    return made;
  }
  if (!options.shard.empty()) {
    fail(ErrorKind::kUsage,
         "--shard is not for processes of mpirun, which share the frames anyway");
  }
  made.shard = {ranks.rank() + 1, ranks.count()};
  made.journal =
      fmt::format("{}.journal-{}-of-{}", options.output, ranks.rank() + 1, ranks.count());
  return made;
}

FrameChoice frame_choice(const CalibrateCommand& options) {
  const bool by_lot = baseline_from(options) == RandomBaseline::kR3;
  return {by_lot ? FrameSampling::kRandom : frame_sampling_from_name(options.sampling),
          options.batch_size, options.skip_bad > 0};
}

/// One calibrator's run, shown as it goes.
template <class Data>
Calibration run_calibrator(const Network& network, Data data, CalibratorOptions options,
                           int64_t count, CameraOrderCheck* cameras) {
  options.on_frame = watch_calibration(count, cameras);
  return Calibrator(std::move(data), std::move(options)).run(network);
}

Calibration calibrate_on_episodes(const CalibrateCommand& options, const Network& network,
                                  const CalibratorOptions& chosen, CoverageReport& coverage) {
  const Observations data = calibration_frames(options.data, frame_choice(options), network);
  CameraOrderCheck cameras(data, network);
  const auto count = static_cast<int64_t>(data.frames().size()) / chosen.shard.count;
  const Calibration made = run_calibrator(network, data, chosen, count, &cameras);
  if (chosen.shard.number == 1) cameras.report();
  if (chosen.shard.count == 1) coverage = coverage_report(data, made);
  return made;
}

Calibration calibrate_without_episodes(const CalibrateCommand& options, const Network& network,
                                       CalibratorOptions chosen) {
  const auto baseline = baseline_from(options);
  if (baseline == RandomBaseline::kR0) {
    const Calibration made = fixed_ranges(network);
    made.save(options.output, options.tensorrt_version);
    return made;
  }
  if (baseline == RandomBaseline::kR3) {
    fail(ErrorKind::kUsage, "--random r3 chooses among real frames; give --episodes");
  }
  if (baseline) {
    const int64_t wanted = options.data.frames == 0 ? kCalibrationFrames : options.data.frames;
    const int64_t count = baseline == RandomBaseline::kR1 ? 1 : wanted;
    return run_calibrator(network, random_frames(*baseline, count, options.data.seed),
                          std::move(chosen), count, nullptr);
  }
  if (options.data.inputs.empty()) {
    fail(ErrorKind::kUsage,
         "nothing to calibrate on; give --episodes, --inputs or, to compare with, --random");
  }
  Inputs inputs = inputs_from(options.data, network.inputs(), network.metadata());
  return run_calibrator(network, std::move(inputs.source), std::move(chosen), inputs.count,
                        nullptr);
}

/// This process's share of the work, put together with the others' on the first one.
Calibration merged_over_ranks(const Calibration& part, const Ranks& ranks, const Network& network,
                              const CalibrateCommand& options, const std::string& journal) {
  std::vector<Calibration> parts;
  for (const std::string& bytes : ranks.gather(json_from_calibration(part.data()))) {
    const std::string name = fmt::format("part of process {}", parts.size());
    parts.push_back(Calibration(calibration_from_json(bytes, name)));
  }
  Calibration whole;
  if (ranks.is_first()) {
    whole = merge_calibrations(parts, network);
    whole.save(options.output, options.tensorrt_version);
  }
  ranks.wait_for_all();
  unlink(journal.c_str());
  return whole;
}

bool calibrate(const CalibrateCommand& options, const Ranks& ranks, const CommonOptions& common) {
  if (options.model.empty())
    fail(ErrorKind::kUsage, "MODEL is missing; see tendon calibrate --help");
  if (!ranks.is_first()) Logger::global().set_severity(Severity::kWarning);
  const CalibratorOptions chosen = calibrator_options(options, ranks);
  const Network network = network_from_onnx_path(options.model);
  CoverageReport coverage;
  const bool episodes = !options.data.episodes.empty() &&
                        baseline_from(options).value_or(RandomBaseline::kR3) == RandomBaseline::kR3;
  Calibration made = episodes ? calibrate_on_episodes(options, network, chosen, coverage)
                              : calibrate_without_episodes(options, network, chosen);
  if (ranks.count() > 1) {
    made = merged_over_ranks(made, ranks, network, options, chosen.journal);
    if (!ranks.is_first()) return true;
  }
  if (common.json) {
    Json json = json_from_calibration_result(made, options.output);
    if (!coverage.json.is_null()) json["coverage"] = coverage.json;
    print_json(json);
  } else {
    if (!coverage.text.empty()) print_text(coverage.text + "\n");
    print_text(text_from_calibration_result(made, options.output));
  }
  return true;
}

bool merge(const CalibrateCommand& options, const CommonOptions& common) {
  std::vector<Calibration> parts;
  for (const std::string& path : options.parts) parts.push_back(Calibration::load_part(path));
  std::optional<RangeOptions> range;
  if (!options.algorithm.empty()) range = range_options(options);
  const Calibration whole =
      options.model.empty()
          ? Calibration::merge(parts, range)
          : merge_calibrations(parts, network_from_onnx_path(options.model), range);
  whole.save(options.output, options.tensorrt_version);
  if (common.json) {
    print_json(json_from_calibration_result(whole, options.output));
  } else {
    print_text(text_from_calibration_result(whole, options.output));
  }
  return true;
}

bool run(const CalibrateCommand& options, const CLI::App& merging, const CommonOptions& common) {
  if (merging.parsed()) return merge(options, common);
  const Ranks ranks;
  try {
    return calibrate(options, ranks, common);
  } catch (const Error& error) {
    // The other processes would wait for this one.
    if (ranks.count() > 1) log_error("{}", error.what());
    ranks.abort_all(error.exit_status());
    throw;
  }
}

}  // namespace

Verb calibrate_verb() {
  return {
      "calibrate", "Find the activation ranges of a model from episodes",
      "  tendon calibrate policy.onnx -o policy.cache --episodes episodes/ --stats "
      "dataset_stats.pkl --cameras top,left_wrist,right_wrist\n"
      "  tendon calibrate policy.onnx -o part1 --shard 1/2 --episodes episodes/ …\n"
      "  tendon calibrate merge part1 part2 -o policy.cache --model policy.onnx\n"
      "  tendon calibrate policy.onnx -o random.cache --random r2",
      [](CLI::App& app, const CommonOptions& common) -> std::function<bool()> {
        const auto options = std::make_shared<CalibrateCommand>();
        app.add_option("MODEL", options->model, "Model (.onnx)");
        app.add_option("-o,--output", options->output, "Cache to write; FILE.json beside it")
            ->required()
            ->type_name("FILE");
        app.add_option("--algorithm", options->algorithm,
                       "mse (default), auto, minmax, percentile, entropy2 (default with --random), "
                       "entropy or legacy");
        app.add_option("--quantile", options->quantile, "Of legacy and percentile");
        app.add_option("--regression-cutoff", options->regression_cutoff, "Of legacy");
        app.add_option("--batch-size", options->batch_size, "Frames that are read at a time")
            ->check(require_positive)
            ->capture_default_str();
        app.add_option("--sampling", options->sampling,
                       "How frames are chosen: uniform, phase, coverage or random")
            ->capture_default_str();
        app.add_option("--random", options->random,
                       "Baseline to compare with: r0 (range), r1 (uniform), r2 (normal), r3")
            ->type_name("NAME");
        app.add_option("--skip-bad", options->skip_bad,
                       "Leave out up to N bad frames; one more ends the run")
            ->check(require_not_negative)
            ->type_name("N");
        app.add_option("--shard", options->shard, "Calibrate on one part of the frames: 2/3");
        app.add_option("--held-out", options->held_out,
                       "Share of the frames that auto keeps for judging")
            ->capture_default_str();
        app.add_flag("--force", options->force, "Go on where frames are all equal");
        app.add_option("--trt-version", options->tensorrt_version,
                       "Version in the cache's first line")
            ->capture_default_str();
        app.add_option("--device", options->device, "Device: cpu or reference")
            ->capture_default_str();
        app.add_option("--threads", options->threads, "Threads of a run; 0: all cores")
            ->check(CLI::Range(0, 4096))
            ->capture_default_str();
        add_data_options(app, options->data);
        CLI::App* merge = app.add_subcommand("merge", "Put the parts of a calibration together");
        merge->fallthrough();
        merge->add_option("PART", options->parts, "Files that --shard wrote, or caches")
            ->required();
        merge->add_option("--model", options->model, "Model (.onnx), which auto needs");
        return [options, merge, &common] { return run(*options, *merge, common); };
      }};
}

}  // namespace tendon::cli
