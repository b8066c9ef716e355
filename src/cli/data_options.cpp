// Turns the data options into a source of inputs.
#include "cli/data_options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>

#include "api/input_fit.h"
#include "base/log.h"
#include "cli/options.h"

namespace tendon::cli {
namespace {

double number_from(std::string_view text, const std::string& entry) {
  double value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) {
    fail(ErrorKind::kUsage,
         "--val-range '{}' is not of the form [LOW,HIGH] or INPUT:[LOW,HIGH], such as "
         "image:[0,1]",
         entry);
  }
  return value;
}

/// "[0,1]" or "image:[0,1]"
void add_range(std::map<std::string, ValueRange>& ranges, const std::string& entry) {
  const size_t open = entry.rfind('[');
  const size_t comma = entry.find(',', open == std::string::npos ? 0 : open);
  if (open == std::string::npos || comma == std::string::npos || entry.back() != ']') {
    number_from("", entry);
  }
  const std::string name = open == 0 ? "" : entry.substr(0, open - 1);
  const std::string_view all(entry);
  ranges[name] = {number_from(all.substr(open + 1, comma - open - 1), entry),
                  number_from(all.substr(comma + 1, all.size() - comma - 2), entry)};
}

EpisodicDataset open_episodes(const DataOptions& options) {
  return EpisodicDataset(options.episodes, {.cameras = options.cameras,
                                            .color = color_order_from_name(options.color)});
}

/// The episodes must be of the robot and cameras that the model was trained for.
void require_fit(const EpisodicDataset& dataset, const std::vector<TensorInfo>& wanted,
                 const std::string& path) {
  const TensorInfo* qpos = find(wanted, "qpos");
  if (qpos != nullptr && !qpos->axes.empty()) {
    const Axis& joints = qpos->axes.back();
    if (joints.fixed() && joints.min != dataset.joint_count()) {
      fail_input(
          "{}: {} joints, but the model's 'qpos' takes {}: these are episodes of another robot",
          path, dataset.joint_count(), joints.min);
    }
  }
  const TensorInfo* image = find(wanted, "image");
  if (image == nullptr || image->axes.size() != 5) return;
  const Shape frame = dataset.frame_shape();
  const Axis& cameras = image->axes[1];
  if (cameras.fixed() && cameras.min != frame[0]) {
    fail_input(
        "{}: {} cameras ({}), but the model's 'image' takes {}; name them in training's order "
        "with --cameras",
        path, frame[0], fmt::join(dataset.cameras(), ","), cameras.min);
  }
  const size_t channels_before = has_raw_images(wanted) ? 0 : 1;
  for (const int axis : {2, 3}) {
    const Axis& size = image->axes[static_cast<size_t>(axis) + channels_before];
    if (size.fixed() && size.min != frame[axis]) {
      fail_input("{}: frames of {} x {} pixels, but the model's 'image' takes {}", path, frame[2],
                 frame[3], to_string(image->axes));
    }
  }
}

Inputs inputs_from_episodes(const DataOptions& options, const std::vector<TensorInfo>& wanted,
                            bool raw_units) {
  const EpisodicDataset dataset = open_episodes(options);
  require_fit(dataset, wanted, options.episodes);
  Observations range = observations(dataset, *stats_from(options),
                                    {.frames = options.frames,
                                     .stride = options.stride,
                                     .raw_units = raw_units,
                                     .raw_images = has_raw_images(wanted)});
  const int64_t count = range.size();
  std::vector<FrameId> frames = range.frames();
  return {DataSource(std::move(range)), count, std::move(frames), dataset};
}

Tensor scaled_image(const Tensor& image) {
  Tensor result(DataType::kFloat32, image.shape());
  std::ranges::transform(image.data<uint8_t>(), result.mutable_data<float>().begin(),
                         [](uint8_t pixel) { return static_cast<float>(pixel) / 255.0f; });
  return result;
}

bool accepts_all(const TensorMap& map, const std::vector<TensorInfo>& wanted) {
  return std::ranges::all_of(wanted, [&](const TensorInfo& info) {
    const auto found = map.find(info.name);
    return found != map.end() && info.accepts(found->second.shape());
  });
}

}  // namespace

void add_stats_option(CLI::App& app, std::string& stats) {
  app.add_option("--stats", stats, "Training's statistics (dataset_stats.pkl or .json)")
      ->type_name("FILE")
      ->group("Data");
}

void add_data_options(CLI::App& app, DataOptions& options) {
  const auto group = [](CLI::Option* option) { return option->group("Data"); };
  auto* inputs = group(app.add_option("--inputs", options.inputs, "Arrays (.npz or .json)"))
                     ->type_name("FILE");
  group(app.add_option("--episodes", options.episodes, "Recorded episodes (.hdf5 or a folder)"))
      ->type_name("DIR")
      ->excludes(inputs);
  add_stats_option(app, options.stats);
  group(app.add_option("--cameras", options.cameras, "Cameras in the policy's order"))
      ->delimiter(',')
      ->type_name("A,B,C");
  group(app.add_option("--color", options.color, "Colour order of JPEG rows: rgb, bgr or auto"))
      ->capture_default_str();
  group(
      app.add_option("--frames", options.frames, "Frames spread evenly over the episodes; 0: all"))
      ->check(require_not_negative);
  group(app.add_option("--stride", options.stride, "Take only every N-th step of an episode"))
      ->check(require_positive);
  group(app.add_option("--seed", options.seed, "Seed of random inputs"))->capture_default_str();
  group(app.add_option("--iterations", options.iterations, "How many inferences"))
      ->check(require_positive)
      ->capture_default_str();
  group(app.add_option("--val-range", options.val_range,
                       "Range of random values: [0,1], or image:[0,1] for one input"))
      ->type_name("[INPUT:][LOW,HIGH]");
}

std::optional<NormStats> stats_from(const DataOptions& options) {
  if (!options.stats.empty()) return NormStats::load(options.stats);
  if (options.episodes.empty()) return std::nullopt;
  log_warning(
      "No --stats given: joints are normalised with the statistics of these episodes, which are "
      "training's only if they are all that training saw");
  return get_norm_stats(open_episodes(options));
}

std::vector<TensorMap> fit_to_inputs(std::vector<TensorMap> maps,
                                     const std::vector<TensorInfo>& wanted) {
  for (TensorMap& map : maps) {
    std::erase_if(map, [&](const auto& entry) { return find(wanted, entry.first) == nullptr; });
    for (auto& [name, tensor] : map) {
      if (find(wanted, name)->dtype == DataType::kFloat32 && tensor.dtype() == DataType::kUInt8) {
        Logger::global().log_once(
            Severity::kInfo,
            fmt::format("'{}' holds uint8, the model takes float32: divided by 255, as images are",
                        name));
        tensor = scaled_image(tensor);
      }
    }
  }
  if (maps.size() == 1 && !maps.front().empty() && !accepts_all(maps.front(), wanted)) {
    std::vector<TensorMap> single = unstack(maps.front());
    if (!single.empty() && accepts_all(single.front(), wanted)) return single;
  }
  return maps;
}

bool has_raw_units(const std::map<std::string, std::string>& metadata) {
  const auto units = metadata.find("tendon.units");
  return units != metadata.end() && units->second == "raw";
}

bool has_raw_images(const std::vector<TensorInfo>& wanted) {
  const TensorInfo* image = find(wanted, "image");
  return image != nullptr && image->dtype == DataType::kUInt8;
}

Inputs inputs_from(const DataOptions& options, const std::vector<TensorInfo>& wanted,
                   const std::map<std::string, std::string>& metadata) {
  if (!options.episodes.empty()) {
    return inputs_from_episodes(options, wanted, has_raw_units(metadata));
  }
  if (!options.inputs.empty()) {
    std::vector<TensorMap> maps = fit_to_inputs(tensor_maps_from_path(options.inputs), wanted);
    for (size_t i = 0; i < maps.size(); ++i) {
      require_fit(maps[i], wanted, fmt::format("{}: sample {}", options.inputs, i));
    }
    const auto count = static_cast<int64_t>(maps.size());
    return {DataSource(std::move(maps)), count, {}, {}};
  }
  DataLoaderOptions random{.seed = options.seed, .iterations = options.iterations};
  for (const std::string& entry : options.val_range) add_range(random.val_range, entry);
  random.input_metadata = wanted;
  log_info("Inputs are random values (seed {}); give --inputs or --episodes for real ones",
           options.seed);
  return {DataSource(DataLoader(random)), options.iterations, {}, {}};
}

}  // namespace tendon::cli
