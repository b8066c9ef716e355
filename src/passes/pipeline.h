// The driver of all passes: order, names, timing, checks and dumps.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ir/graph.h"

namespace tendon {

enum class PassStage {
  /// Keeps to ONNX's operators: what inspect shows and exporters write.
  kCanonical,
  /// Makes Tendon's own operators: what kernels run.
  kFuse,
  /// Fusions that would be in the way of quantising.
  kLate,
  /// What pays on a GPU alone, where a kernel costs its launch; some of it only GPUs have kernels
  /// for.
  kGpu,
};

struct Pass {
  std::string_view name;
  bool (*run)(Graph& graph);
  std::string_view purpose;
  PassStage stage;
};

/// All passes in their order; some have several places in it.
std::span<const Pass> pass_table();

struct PassOptions {
  /// The last stage to run.
  PassStage stage = PassStage::kFuse;
  /// Called with the canonical graph, before fusing; its types must stay inferred.
  std::function<void(Graph& graph)> after_canonical = {};
  /// Names of passes to leave out.
  std::vector<std::string> disabled;
  /// Existing folder for one text and one dot file after each pass that changed the graph, named
  /// in the order of running; "" for none.
  std::string dump_folder;
  /// Runs the graph by reference on random inputs before and after each pass that changed it, and
  /// refuses a difference; only for graphs that are small enough for that. Left open, the dev build
  /// does it.
  std::optional<bool> self_check = std::nullopt;
};

struct PassResult {
  std::string name;
  size_t nodes_removed = 0;
  size_t nodes_added = 0;
  /// Elements of floating constants that were read before and are not read after; negative where a
  /// pass made constants.
  int64_t parameters_removed = 0;
  double seconds = 0;
};

struct PassReport {
  /// Every pass that ran, in the table's order, summed over its rounds.
  std::vector<PassResult> passes;
  size_t nodes_before = 0;
  size_t nodes_after = 0;
};

/// Runs the passes of each stage in order until none changes the graph any more, compacts it and
/// makes the names of values unique. The graph's types must be inferred. Throws Error{kUsage} for
/// an unknown name in `disabled`, listing all names, and Error{kInternal} naming the pass that left
/// the graph wrong.
PassReport run_passes(Graph& graph, const PassOptions& options = {});

}  // namespace tendon
