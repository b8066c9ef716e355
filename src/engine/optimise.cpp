// The passes as the engine runs them.
#include "engine/build.h"
#include "passes/pipeline.h"

namespace tendon {

std::vector<PassRecord> optimise(Graph& graph, const BuildInfo& info,
                                 const OptimiseOptions& options) {
  if (!info.optimised) return {};
  const PassReport report = run_passes(graph, {.after_canonical = options.after_canonical,
                                               .disabled = info.disabled_passes,
                                               .dump_folder = options.dump_folder});
  std::vector<PassRecord> records;
  for (const PassResult& result : report.passes) {
    records.push_back({result.name,
                       result.seconds,
                       static_cast<int64_t>(result.nodes_removed),
                       result.parameters_removed,
                       {}});
    if (result.nodes_added > 0) records.back().note = fmt::format("{} added", result.nodes_added);
  }
  return records;
}

}  // namespace tendon
