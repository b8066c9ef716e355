// `tendon calibrate`: finds the activation ranges of a model from episodes, or from random data.
#include <tendon/calibrator.h>

#include <algorithm>
#include <charconv>

#include "base/log.h"
#include "cli/data_options.h"
#include "cli/model_options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/verb.h"

namespace tendon::cli {
namespace {

/// Enough for a policy of this kind; more frames hardly move the ranges.
constexpr int64_t kDefaultFrames = 512;

struct Options {
  std::string model;
  std::string output;
  DataOptions data;
  std::string sampling = "uniform";
  std::string algorithm = "entropy2";
  std::optional<double> quantile;
  std::optional<double> regression_cutoff;
  int64_t batch_size = 1;
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

CalibratorOptions calibrator_options(const Options& options) {
  CalibratorOptions made;
  made.cache = options.output;
  made.algorithm = calibration_algorithm_from_name(options.algorithm);
  made.quantile = options.quantile;
  made.regression_cutoff = options.regression_cutoff;
  made.skip_bad = options.skip_bad;
  made.held_out = options.held_out;
  made.shard = shard_from(options.shard);
  made.force = options.force;
  made.device = options.device;
  made.threads = options.threads;
  made.tensorrt_version = options.tensorrt_version;
  return made;
}

/// The frames of the episodes as the options say.
Observations chosen_observations(const Options& options) {
  const DataOptions& data = options.data;
  const EpisodicDataset dataset(data.episodes, {.cameras = data.cameras,
                                                .color = color_order_from_name(data.color),
                                                .allow_bad_steps = options.skip_bad > 0});
  const NormStats stats = *stats_from(data);
  ObservationOptions chosen{.frames = data.frames,
                            .sampling = frame_sampling_from_name(options.sampling),
                            .seed = data.seed,
                            .stride = data.stride,
                            .batch = options.batch_size};
  if (data.frames == 0) {
    int64_t total = 0;
    for (int64_t i = 0; i < dataset.size(); ++i) {
      total += (dataset.length(i) + data.stride - 1) / data.stride;
    }
    chosen.frames = std::min(total, kDefaultFrames);
  }
  return observations(dataset, stats, chosen);
}

Json as_json(const Calibration& calibration, const std::string& path) {
  const CalibrationInfo& info = calibration.info();
  Json ranges = Json::object();
  for (const auto& [name, range] : calibration.ranges()) {
    ranges[name] = {{"amax", range.amax}, {"min", range.min}, {"max", range.max}};
  }
  Json bad = Json::array();
  for (const BadFrame& frame : info.bad_frames) {
    bad.push_back({{"place", frame.place}, {"reason", frame.reason}});
  }
  return {{"cache", path},
          {"algorithm", name_of(info.range.algorithm)},
          {"frames", info.frames},
          {"held_out_frames", info.held_out_frames},
          {"bad_frames", std::move(bad)},
          {"model_sha256", info.model_sha256},
          {"data_sha256", info.data_sha256},
          {"shard", info.shard},
          {"ranges", std::move(ranges)}};
}

void print_result(const Calibration& calibration, const std::string& path,
                  const CommonOptions& common) {
  if (common.json) return print_json(as_json(calibration, path));
  const CalibrationInfo& info = calibration.info();
  if (!info.shard.empty()) {
    return print_text(
        fmt::format("{}: part {} with {} frames; put the parts together with tendon "
                    "calibrate merge\n",
                    path, info.shard, info.frames));
  }
  print_text(fmt::format(
      "{}: {} values by {}, from {} frames{}\n", path, calibration.ranges().size(),
      name_of(info.range.algorithm), info.frames,
      info.bad_frames.empty() ? "" : fmt::format(", {} left out as bad", info.bad_frames.size())));
}

Calibration calibrate(const Options& options) {
  const Network network = network_from_onnx_path(options.model);
  CalibratorOptions chosen = calibrator_options(options);
  const auto run = [&](auto data, int64_t count) {
    Progress progress("Calibrating", count, "frames");
    int64_t shown = 0;
    chosen.on_progress = [&](int64_t done) { progress.advance(done - std::exchange(shown, done)); };
    return Calibrator(std::move(data), chosen).run(network);
  };
  if (!options.data.episodes.empty()) {
    const Observations data = chosen_observations(options);
    return run(data, static_cast<int64_t>(data.frames().size()) / chosen.shard.count);
  }
  if (options.data.inputs.empty()) {
    fail(ErrorKind::kUsage, "nothing to calibrate on; give --episodes or --inputs");
  }
  Inputs inputs = inputs_from(options.data, network.inputs());
  return run(std::move(inputs.source), inputs.count);
}

bool run(const Options& options, const CLI::App& merge, const CommonOptions& common) {
  if (merge.parsed()) {
    std::vector<Calibration> parts;
    for (const std::string& path : options.parts) parts.push_back(Calibration::load_part(path));
    const Calibration whole = Calibration::merge(parts);
    whole.save(options.output, options.tensorrt_version);
    print_result(whole, options.output, common);
    return true;
  }
  if (options.model.empty())
    fail(ErrorKind::kUsage, "MODEL is missing; see tendon calibrate --help");
  print_result(calibrate(options), options.output, common);
  return true;
}

}  // namespace

Verb calibrate_verb() {
  return {"calibrate", "Find the activation ranges of a model from episodes",
          "  tendon calibrate policy.onnx -o policy.cache --episodes episodes/ --stats "
          "dataset_stats.pkl --cameras top,left_wrist,right_wrist\n"
          "  tendon calibrate policy.onnx -o part1 --shard 1/2 --episodes episodes/ …\n"
          "  tendon calibrate merge part1 part2 -o policy.cache",
          [](CLI::App& app, const CommonOptions& common) -> std::function<bool()> {
            const auto options = std::make_shared<Options>();
            app.add_option("MODEL", options->model, "Model (.onnx)");
            app.add_option("-o,--output", options->output, "Cache to write; FILE.json beside it")
                ->required()
                ->type_name("FILE");
            app.add_option("--algorithm", options->algorithm,
                           "entropy2, entropy, minmax, legacy, percentile, mse or auto")
                ->capture_default_str();
            app.add_option("--quantile", options->quantile, "Of legacy and percentile");
            app.add_option("--regression-cutoff", options->regression_cutoff, "Of legacy");
            app.add_option("--batch-size", options->batch_size, "Frames that are read at a time")
                ->check(CLI::PositiveNumber)
                ->capture_default_str();
            app.add_option("--sampling", options->sampling,
                           "How frames are chosen: uniform, phase, coverage or random")
                ->capture_default_str();
            app.add_option("--skip-bad", options->skip_bad,
                           "Leave out up to N bad frames; one more ends the run")
                ->check(CLI::NonNegativeNumber)
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
            CLI::App* merge =
                app.add_subcommand("merge", "Put the parts of a calibration together");
            merge->fallthrough();
            merge->add_option("PART", options->parts, "Files that --shard wrote")->required();
            return [options, merge, &common] { return run(*options, *merge, common); };
          }};
}

}  // namespace tendon::cli
