// Reads the build options and opens models, engines and recorded outputs by what they are.
#include "cli/model_options.h"

#include <tendon/data_loader.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstring>
#include <filesystem>

#include "base/file.h"
#include "base/log.h"
#include "engine/engine_file.h"
#include "policy/checkpoint.h"

namespace tendon::cli {
namespace {

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == separator) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

std::optional<Shape> shape_from_text(const std::string& text) {
  Shape shape;
  for (const std::string& part : split(text, 'x')) {
    int64_t dim = 0;
    const char* end = part.data() + part.size();
    const auto parsed = std::from_chars(part.data(), end, dim);
    if (parsed.ec != std::errc() || parsed.ptr != end || dim < 1 ||
        shape.rank() == Shape::kMaxRank) {
      return std::nullopt;
    }
    shape.push_back(dim);
  }
  return shape;
}

bool starts_with(std::span<const std::byte> bytes, std::string_view magic) {
  return bytes.size() >= magic.size() && std::memcmp(bytes.data(), magic.data(), magic.size()) == 0;
}

/// Whether an option is set that an engine file can no longer follow.
bool changes_a_build(const BuildOptions& options) {
  return options.tf32 || options.fp16 || options.bf16 || options.int8 || !options.shapes.empty() ||
         !options.precision.empty() || !options.disabled_passes.empty() ||
         !options.memory_limit.empty() || !options.cache.empty() || options.reduce_range ||
         options.no_winograd || options.no_packed_weights || options.tactics ||
         !options.timing_cache.empty() || !options.load_tactics.empty() ||
         !options.save_tactics.empty();
}

}  // namespace

void add_build_options(CLI::App& app, BuildOptions& options) {
  const auto group = [](CLI::Option* option) { return option->group("Build"); };
  group(app.add_option("--device", options.device, "Device: cpu, cuda, cuda:N or reference"))
      ->capture_default_str();
  group(app.add_option("--threads", options.threads, "Threads of a run; 0: all cores"))
      ->check(CLI::Range(0, 4096))
      ->capture_default_str();
  group(app.add_flag("--tf32", options.tf32, "Allow TF32 arithmetic"));
  group(
      app.add_flag("--fp16", options.fp16,
                   "Allow float16 arithmetic; on a GPU, layers that --cache or --episodes show to "
                   "suffer stay in float32"));
  group(app.add_flag(
      "--bf16", options.bf16,
      "Allow bfloat16 arithmetic, also beside --int8; on GPUs, and CPUs that have it"));
  group(app.add_flag("--int8", options.int8, "Allow int8 arithmetic; needs --cache"));
  group(app.add_option("--cache", options.cache,
                       "Calibration cache with the ranges for INT8 and FP16"))
      ->type_name("FILE");
  group(app.add_flag("--force", options.force, "Use a calibration of another model"));
  group(app.add_flag("--reduce-range", options.reduce_range,
                     "INT8 weights in 7 bits: faster on CPUs without VNNI, less accurate"));
  group(app.add_flag("--no-winograd", options.no_winograd,
                     "Leave out Winograd's algorithm: slower float32 convolutions, rounded less"));
  group(app.add_flag("--no-packed-weights", options.no_packed_weights,
                     "Leave out the weights as this machine's kernels pack them: half the engine "
                     "file, slower to load"));
  group(app.add_option("--shapes", options.shapes,
                       "Shapes of an input: image:1x3x8x8, or minimum, optimum and maximum as "
                       "image:1x3x8x8:2x3x8x8:4x3x8x8"))
      ->type_name("INPUT:SHAPE…");
  group(app.add_option("--precision", options.precision,
                       "Type in which a layer must run: int8 or fp32, by name or pattern with *"))
      ->delimiter(',')
      ->type_name("LAYER=TYPE");
  group(app.add_option("--disable-pass", options.disabled_passes, "Leave out a pass"))
      ->delimiter(',')
      ->type_name("PASS");
  group(app.add_option("--memory-limit", options.memory_limit,
                       "Refuse an engine whose activations need more: 200M, 1G"))
      ->type_name("BYTES");
  group(app.add_flag("--explain", options.explain,
                     "Log why kernels declined each layer, and the times of those that did not"));
  CLI::Option* const timed =
      group(app.add_flag("--tactics", options.tactics,
                         "Time the kernels that accept a layer here and take the fastest"));
  group(app.add_flag("--no-tactics", options.no_tactics,
                     "Take the first kernel in the fixed order that accepts a layer"))
      ->excludes(timed);
  group(app.add_option("--timing-cache,--timingCacheFile", options.timing_cache,
                       "File with the times of former builds, read and written; implies --tactics"))
      ->type_name("FILE");
  group(app.add_option("--load-tactics", options.load_tactics,
                       "Take each layer's kernel from a file of --save-tactics"))
      ->type_name("FILE");
  group(app.add_option("--save-tactics", options.save_tactics, "Write each layer's kernel"))
      ->type_name("FILE");
  add_checkpoint_options(app, options.checkpoint);
}

Profile profile_from_shapes(const std::vector<std::string>& shapes) {
  Profile profile;
  for (const std::string& entry : shapes) {
    const std::vector<std::string> parts = split(entry, ':');
    std::vector<Shape> given;
    for (size_t i = parts.size(); i-- > 1 && given.size() < 3;) {
      const auto shape = shape_from_text(parts[i]);
      if (!shape) break;
      given.insert(given.begin(), *shape);
    }
    if (given.size() != 1 && given.size() != 3) {
      fail(ErrorKind::kUsage,
           "--shapes '{}' is not of the form INPUT:SHAPE or INPUT:MIN:OPT:MAX, such as "
           "image:1x3x480x640 or qpos:1x14:1x14:8x14",
           entry);
    }
    const std::vector<std::string> name(parts.begin(),
                                        parts.end() - static_cast<int>(given.size()));
    profile.add(fmt::format("{}", fmt::join(name, ":")), given.front(), given[given.size() / 2],
                given.back());
  }
  return profile;
}

size_t bytes_from_text(const std::string& text) {
  size_t value = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  const std::string_view unit(parsed.ptr, static_cast<size_t>(end - parsed.ptr));
  const int shift = unit.empty() ? 0 : unit == "K" ? 10 : unit == "M" ? 20 : unit == "G" ? 30 : -1;
  if (parsed.ec != std::errc() || shift < 0 || value > (SIZE_MAX >> shift)) {
    fail(ErrorKind::kUsage, "'{}' is not a number of bytes; write 200M, 1G or plain digits", text);
  }
  return value << shift;
}

std::map<std::string, DataType> layer_precisions_from(const std::vector<std::string>& entries) {
  std::map<std::string, DataType> types;
  for (const std::string& entry : entries) {
    const size_t equals = entry.rfind('=');
    if (equals == std::string::npos) {
      fail(ErrorKind::kUsage, "--precision '{}' is not of the form LAYER=TYPE", entry);
    }
    std::string type = entry.substr(equals + 1);
    if (type == "fp32") type = "float32";
    if (type == "fp16") type = "float16";
    if (type == "bf16") type = "bfloat16";
    types[entry.substr(0, equals)] = data_type_from_name(type);
  }
  return types;
}

EngineConfig config_from(const BuildOptions& options) {
  EngineConfig config;
  config.device = options.device;
  config.threads = options.threads;
  config.tf32 = options.tf32;
  config.fp16 = options.fp16;
  config.bf16 = options.bf16;
  config.int8 = options.int8;
  config.profile = profile_from_shapes(options.shapes);
  config.disabled_passes = options.disabled_passes;
  config.explain = options.explain;
  config.force = options.force;
  config.reduce_range = options.reduce_range;
  config.winograd = !options.no_winograd;
  config.packed_weights = !options.no_packed_weights;
  config.tactics = !options.no_tactics && (options.tactics || !options.timing_cache.empty());
  config.timing_cache = options.timing_cache;
  config.load_tactics = options.load_tactics;
  config.save_tactics = options.save_tactics;
  if (!options.cache.empty()) {
    config.calibration = Calibration::load(options.cache, options.force);
  }
  if (!options.memory_limit.empty()) config.memory_limit = bytes_from_text(options.memory_limit);
  config.layer_precisions = layer_precisions_from(options.precision);
  return config;
}

FileKind kind_of_file(const std::string& path) {
  if (std::filesystem::is_directory(path)) {
    return is_lerobot_folder(path) ? FileKind::kCheckpoint : FileKind::kFolder;
  }
  const auto file = MappedFile::open(path);
  const auto bytes = file->bytes();
  const std::string extension = std::filesystem::path(path).extension();
  constexpr std::string_view kCheckpoints[] = {".ckpt", ".pt", ".pth", ".safetensors"};
  if (starts_with(bytes, "\x89HDF\r\n\x1a\n")) return FileKind::kHdf5;
  if (extension == ".npz") return FileKind::kNpz;
  if (std::ranges::find(kCheckpoints, extension) != std::end(kCheckpoints) ||
      is_weights_file(bytes, path)) {
    return FileKind::kCheckpoint;
  }
  if (starts_with(bytes, "PK")) return FileKind::kNpz;
  if (extension == ".json") return FileKind::kJson;
  if (extension == ".pkl" || extension == ".pickle") return FileKind::kPickle;
  if (extension == ".hdf5" || extension == ".h5") return FileKind::kHdf5;
  if (extension == ".onnx") return FileKind::kOnnx;
  if (extension == ".engine" || is_engine_file(bytes)) return FileKind::kEngine;
  fail_input(
      "'{}' is of no known kind; expected a model (.onnx), an engine (.engine), a checkpoint "
      "(.ckpt, "
      ".safetensors), arrays (.npz, .json), statistics (.pkl, .json) or an episode (.hdf5)",
      path);
}

Network network_from_file(const std::string& path, const BuildOptions& options) {
  switch (kind_of_file(path)) {
    case FileKind::kOnnx: return network_from_onnx_path(path);
    case FileKind::kCheckpoint:
      return network_from_checkpoint(path, checkpoint_options_from(options.checkpoint));
    default: fail_input("'{}' is neither a model (.onnx) nor a checkpoint", path);
  }
}

Engine engine_from_file(const std::string& path, const BuildOptions& options) {
  switch (kind_of_file(path)) {
    case FileKind::kOnnx:
    case FileKind::kCheckpoint:
      return engine_from_network(network_from_file(path, options), config_from(options));
    case FileKind::kEngine:
      if (changes_a_build(options)) {
        fail(ErrorKind::kUsage,
             "'{}' is built already: --shapes, --precision, --cache, --disable-pass, "
             "--memory-limit, tactics and the precision flags belong to tendon build",
             path);
      }
      return engine_from_path(path);
    default:
      fail_input("'{}' is neither a model (.onnx), a checkpoint nor an engine (.engine)", path);
  }
}

void add_run_options(CLI::App& app, BuildOptions& options) {
  app.add_option("--pin", options.pin,
                 "CPUs of a run's threads: auto, or one for each thread as in 0,2-5")
      ->type_name("CPUS");
}

EngineRunnerOptions runner_options_from(const BuildOptions& options) {
  return {.threads = options.threads, .pin = options.pin};
}

std::unique_ptr<EngineRunner> runner_from_file(const std::string& path,
                                               const BuildOptions& options) {
  return std::make_unique<EngineRunner>(engine_from_file(path, options),
                                        std::filesystem::path(path).filename(),
                                        runner_options_from(options));
}

bool holds_recorded_outputs(const std::string& path) {
  const FileKind kind = kind_of_file(path);
  return kind == FileKind::kNpz || kind == FileKind::kJson;
}

std::unique_ptr<Runner> replay_from_file(const std::string& path,
                                         const std::set<std::string>& outputs, std::string name) {
  std::vector<TensorMap> maps = tensor_maps_from_path(path);
  std::set<std::string> left_out;
  for (TensorMap& map : maps) {
    std::erase_if(map, [&](const auto& entry) {
      if (outputs.contains(entry.first)) return false;
      left_out.insert(entry.first);
      return true;
    });
    if (map.empty()) {
      fail_input("'{}' holds none of the outputs {}; it has {}", path, fmt::join(outputs, ", "),
                 fmt::join(left_out, ", "));
    }
  }
  if (!left_out.empty()) {
    log_info("{}: no model has outputs named {}; they are left out", path,
             fmt::join(left_out, ", "));
  }
  if (maps.size() == 1) maps = unstack(maps.front());
  return std::make_unique<ReplayRunner>(std::move(maps), std::move(name));
}

}  // namespace tendon::cli
