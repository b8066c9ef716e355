#include "cli/debug_reduce.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <set>

#include "base/file.h"
#include "base/log.h"
#include "cli/check_command.h"
#include "cli/options.h"
#include "cli/output.h"
#include "ir/infer.h"
#include "ir/subgraph.h"
#include "onnx/exporter.h"
#include "onnx/importer.h"
#include "passes/passes.h"

namespace tendon::cli {
namespace {

struct DebugReduceCommand {
  std::string model;
  std::string output;
  std::string check;
  std::string mode = "bisect";
  std::vector<int> fail_codes;
  int opset = 17;
};

/// Runs the command on parts of the model, which it writes to the output file.
class Reducer {
 public:
  Reducer(Graph graph, const DebugReduceCommand& options)
      : graph_(std::move(graph)), options_(options), order_(graph_.topological_order()) {}

  /// Leaves the smallest failing part in the output file.
  void reduce() {
    begin_ = 0;
    end_ = node_count();
    if (!fails(graph_, "the whole model")) {
      fail(
          ErrorKind::kUsage,
          "'{}' succeeds on the whole model, so there is nothing to reduce; it has to exit with {}",
          options_.check,
          options_.fail_codes.empty() ? "another status than 0"
                                      : fmt::format("{}", fmt::join(options_.fail_codes, " or ")));
    }
    best_ = graph_;
    reduce_outputs();
    if (by_node_) reduce_inputs();
    write_onnx_file(best_, options_.output, {.opset = options_.opset});
  }

  const Graph& best() const { return best_; }
  size_t node_count() const { return order_.size(); }
  int checks() const { return checks_; }

 private:
  /// Nodes [begin, end) of the order that the last one needs. What they read from before is an
  /// input.
  Graph part(size_t begin, size_t end) const {
    const Node& last = graph_.node(order_[end - 1]);
    std::set<NodeId> inside(order_.begin() + static_cast<std::ptrdiff_t>(begin),
                            order_.begin() + static_cast<std::ptrdiff_t>(end));
    std::vector<CutInput> inputs;
    std::vector<std::string> outputs;
    std::set<ValueId> seen;
    std::vector<ValueId> waiting;
    for (const ValueId output : last.outputs) {
      if (output == kNone) continue;
      outputs.push_back(graph_.value(output).name);
      waiting.push_back(output);
    }
    while (!waiting.empty()) {
      const ValueId id = waiting.back();
      waiting.pop_back();
      if (id == kNone || graph_.is_constant(id) || !seen.insert(id).second) continue;
      const NodeId producer = graph_.value(id).producer;
      if (producer != kNone && inside.contains(producer)) {
        for (const ValueId input : graph_.node(producer).inputs) waiting.push_back(input);
        continue;
      }
      CutInput cut{graph_.value(id).name, graph_.type(id).dtype, {}};
      for (const int64_t size : graph_.shape(id)) cut.dims.push_back({size, ""});
      inputs.push_back(std::move(cut));
    }
    return subgraph(graph_, inputs, outputs);
  }

  bool fails(const Graph& graph, const std::string& what) {
    write_onnx_file(graph, options_.output, {.opset = options_.opset});
    ++checks_;
    const int status = check_status(options_.check, options_.output);
    const bool failed = options_.fail_codes.empty()
                            ? status != 0
                            : std::ranges::count(options_.fail_codes, status) > 0;
    log_info("Check {} ({}): exit status {}, {}", checks_, what, status,
             failed ? "fails" : "passes");
    return failed;
  }
  bool part_fails(size_t begin, size_t end) {
    Graph candidate = part(begin, end);
    if (!fails(candidate, fmt::format("nodes {} to {} of {}", begin + 1, end, node_count()))) {
      return false;
    }
    best_ = std::move(candidate);
    begin_ = begin;
    end_ = end;
    by_node_ = true;
    return true;
  }

  /// Ends the model as early as it still fails.
  void reduce_outputs() {
    const size_t count = node_count();
    if (options_.mode == "linear" || !part_fails(0, count)) {
      for (size_t end = 1; end <= count && !part_fails(0, end); ++end) continue;
      return;
    }
    size_t passes = 0;
    while (end_ - passes > 1) {
      const size_t middle = passes + (end_ - passes) / 2;
      if (!part_fails(0, middle)) passes = middle;
    }
  }
  /// Begins it as late as it still fails.
  void reduce_inputs() {
    const size_t end = end_;
    if (options_.mode == "linear") {
      for (size_t begin = end - 1; begin > 0 && !part_fails(begin, end); --begin) continue;
      return;
    }
    size_t passes = end;
    while (passes - begin_ > 1) {
      const size_t middle = begin_ + (passes - begin_) / 2;
      if (!part_fails(middle, end)) passes = middle;
    }
  }

  Graph graph_;
  const DebugReduceCommand& options_;
  std::vector<NodeId> order_;
  Graph best_;
  size_t begin_ = 0;
  size_t end_ = 0;
  /// Whether the best part ends at one node.
  bool by_node_ = false;
  int checks_ = 0;
};

bool run(const DebugReduceCommand& options, const CommonOptions& common) {
  Graph graph = graph_from_onnx_path(options.model);
  bind_inputs(graph, {});
  // A part must not compute its own shapes from an input.
  fold_shape_arithmetic(graph);
  remove_dead_code(graph);
  Reducer reducer(std::move(graph), options);
  reducer.reduce();
  std::vector<std::string> nodes;
  for (const NodeId id : reducer.best().topological_order()) {
    nodes.push_back(place_of(reducer.best().node(id)));
  }
  if (common.json) {
    print_json(Json{{"output", options.output},
                    {"nodes_before", reducer.node_count()},
                    {"nodes", nodes},
                    {"checks", reducer.checks()}});
  } else {
    print_text(fmt::format("{}: {} of {} nodes still fail, after {} checks: {}\n", options.output,
                           nodes.size(), reducer.node_count(), reducer.checks(),
                           fmt::join(nodes, ", ")));
  }
  return true;
}

}  // namespace

std::function<bool()> define_debug_reduce(CLI::App& app, const CommonOptions& common) {
  const auto options = std::make_shared<DebugReduceCommand>();
  app.add_option("MODEL", options->model, "ONNX model")->required();
  app.add_option("-o,--output", options->output,
                 "File to write: each candidate, and in the end the smallest that fails")
      ->required()
      ->type_name("FILE");
  app.add_option("--check", options->check, kCheckHelp)->required()->type_name("COMMAND");
  app.add_option("--fail-code", options->fail_codes, "Only these exit statuses count as failures")
      ->delimiter(',');
  app.add_option("--mode", options->mode,
                 "bisect halves; linear tries node after node, for failures that come and go")
      ->check(CLI::IsMember({"bisect", "linear"}))
      ->capture_default_str();
  app.add_option("--opset", options->opset, "ONNX operator set, 13 to 21")
      ->check(CLI::Range(kOldestExportOpset, kNewestExportOpset))
      ->capture_default_str();
  return [options, &common] { return run(*options, common); };
}

}  // namespace tendon::cli
