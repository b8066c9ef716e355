// What `tendon inspect` finds in a file, as text and as JSON; one function a kind of file.
#pragma once

#include <tendon/tensor_info.h>

#include <set>
#include <string>
#include <vector>

#include "cli/output.h"

namespace tendon::cli {

struct Findings {
  std::string text;
  Json json;
};

/// What --show asks for beyond the summary: "layers", "attrs", "weights", "subgraph".
using Shown = std::set<std::string>;

/// `dot_path`: also draw the graph there; empty for no drawing.
Findings inspect_model(const std::string& path, const Shown& show, const std::string& dot_path);
Findings inspect_engine(const std::string& path, const Shown& show, const std::string& dot_path);
/// A checkpoint of torch.save, a safetensors file or LeRobot's folder.
Findings inspect_checkpoint(const std::string& path, const Shown& show);
Findings inspect_episodes(const std::string& path);
Findings inspect_stats(const std::string& path);
/// Arrays, or recorded inputs and outputs.
Findings inspect_arrays(const std::string& path);

/// Name, type and shape of inputs or outputs.
Json infos_json(const std::vector<TensorInfo>& infos);

}  // namespace tendon::cli
