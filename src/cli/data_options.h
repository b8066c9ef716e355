// Options that say which inputs: a file, recorded episodes, or seeded random values.
#pragma once

#include <tendon/data.h>
#include <tendon/data_loader.h>
#include <tendon/tensor_info.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace tendon::cli {

struct DataOptions {
  std::string inputs;
  std::string episodes;
  std::string stats;
  std::vector<std::string> cameras;
  std::string color = "auto";
  int64_t frames = 0;
  int64_t stride = 1;
  uint32_t seed = 1;
  int64_t iterations = 1;
  std::vector<std::string> val_range;
};

void add_data_options(CLI::App& app, DataOptions& options);
/// The option --stats alone, for verbs that need statistics but no episodes.
void add_stats_option(CLI::App& app, std::string& stats);

/// Inputs as the options say, fitted to what `wanted` takes and to the units in the metadata.
struct Inputs {
  DataSource source;
  int64_t count = 0;
  /// Which episode and step each item is, and of what; empty for other sources.
  std::vector<FrameId> frames;
  std::optional<EpisodicDataset> dataset;
};
Inputs inputs_from(const DataOptions& options, const std::vector<TensorInfo>& wanted,
                   const std::map<std::string, std::string>& metadata = {});
/// Whether a model with these metadata takes and gives the robot's own units.
bool has_raw_units(const std::map<std::string, std::string>& metadata);
/// Whether its images are frames in bytes.
bool has_raw_images(const std::vector<TensorInfo>& wanted);

/// The statistics named by --stats, else those of the episodes (which is logged), else nothing.
std::optional<NormStats> stats_from(const DataOptions& options);

/// Fits recorded arrays to a model: arrays that the model does not take are left out, samples that
/// are stacked along the first axis are cut apart where the model takes one at a time, and uint8
/// images become float32 in 0..1 where the model wants float32.
std::vector<TensorMap> fit_to_inputs(std::vector<TensorMap> maps,
                                     const std::vector<TensorInfo>& wanted);

}  // namespace tendon::cli
