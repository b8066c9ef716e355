// The passes as the engine runs them: exact rewrites, then precisions, then fusion.
#include "base/log.h"
#include "engine/build.h"
#include "passes/pipeline.h"
#include "quant/exact_images.h"
#include "quant/quantize.h"

namespace tendon {
namespace {

void append(std::vector<PassRecord>& records, const PassReport& report) {
  for (const PassResult& result : report.passes) {
    records.push_back({result.name,
                       result.seconds,
                       static_cast<int64_t>(result.nodes_removed),
                       result.parameters_removed,
                       {}});
    if (result.nodes_added > 0) records.back().note = fmt::format("{} added", result.nodes_added);
  }
}

}  // namespace

std::vector<PassRecord> optimise(Graph& graph, BuildInfo& info, const std::string& dump_folder) {
  if (!info.optimised) return {};
  PassOptions options{.disabled = info.disabled_passes, .dump_folder = dump_folder};
  std::vector<PassRecord> records;
  if (info.quantization) {
    options.stage = PassStage::kCanonical;
    append(records, run_passes(graph, options));
    QuantizationRecord& record = *info.quantization;
    const int images = exact_images(graph, record.request.ranges);
    if (images > 0)
      log_verbose("Frames enter {} convolution(s) as bytes, without an error", images);
    record.plan = plan_quantization(graph, record.request);
    quantize(graph, record.request, record.plan);
    options.first_stage = options.stage = PassStage::kFuse;
  }
  append(records, run_passes(graph, options));
  return records;
}

}  // namespace tendon
