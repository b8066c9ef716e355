// Options that say which engine: shared by every verb that builds or runs one.
#pragma once

#include <tendon/loaders.h>
#include <tendon/runner.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "cli/checkpoint_options.h"

namespace CLI {
class App;
}

namespace tendon::cli {

/// How a model is built, for verbs that take a model or an engine.
struct BuildOptions {
  std::string device = "cpu";
  int threads = 0;
  std::string pin;
  bool tf32 = false, fp16 = false, bf16 = false, int8 = false;
  std::vector<std::string> shapes;
  std::vector<std::string> precision;
  std::vector<std::string> disabled_passes;
  std::string memory_limit;
  std::string cache;
  bool force = false;
  bool reduce_range = false;
  bool no_winograd = false;
  bool no_packed_weights = false;
  bool explain = false;
  bool tactics = false, no_tactics = false;
  std::string timing_cache;
  std::string load_tactics, save_tactics;
  CheckpointFlags checkpoint;
};

/// Those of a checkpoint included, but for --cameras and --stats.
void add_build_options(CLI::App& app, BuildOptions& options);
/// Where an engine is run, too.
void add_run_options(CLI::App& app, BuildOptions& options);

/// "image:1x3x8x8", "image:1x3x8x8:1x3x8x8:4x3x8x8" (min:opt:max) for each entry, the input's name
/// may hold colons. Throws Error{kUsage} naming the entry.
Profile profile_from_shapes(const std::vector<std::string>& shapes);
/// "16M", "2G", "500K" or plain bytes. Throws Error{kUsage}.
size_t bytes_from_text(const std::string& text);
/// "conv1=fp32", by node name or pattern. Throws Error{kUsage} naming the entry.
std::map<std::string, DataType> layer_precisions_from(const std::vector<std::string>& entries);
EngineConfig config_from(const BuildOptions& options);

enum class FileKind {
  kOnnx,
  kEngine,
  kCheckpoint,  ///< torch.save's files, safetensors, LeRobot's folders
  kNpz,
  kJson,
  kHdf5,
  kPickle,
  kFolder,
};
/// By content, and by name where the content does not say. Throws Error{kBadInput} for a file that
/// is missing or of no known kind.
FileKind kind_of_file(const std::string& path);

/// Reads an ONNX model or a checkpoint. Throws Error{kBadInput} for a file of another kind.
Network network_from_file(const std::string& path, const BuildOptions& options);
/// Loads an engine file, or builds an ONNX model or a checkpoint in memory.
Engine engine_from_file(const std::string& path, const BuildOptions& options);
EngineRunnerOptions runner_options_from(const BuildOptions& options);
/// The same as a runner.
std::unique_ptr<EngineRunner> runner_from_file(const std::string& path,
                                               const BuildOptions& options);
/// Whether the file holds arrays rather than a model or engine.
bool holds_recorded_outputs(const std::string& path);
/// Replays the arrays of a file that bear one of the names in `outputs`; others, such as recorded
/// inputs, are left out, which is logged. Throws Error{kBadInput} when none is left.
std::unique_ptr<Runner> replay_from_file(const std::string& path,
                                         const std::set<std::string>& outputs, std::string name);

}  // namespace tendon::cli
