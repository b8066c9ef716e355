#include "api/lint.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "base/data_type.h"
#include "base/file.h"
#include "base/format.h"
#include "ir/infer.h"
#include "onnx/importer.h"
#include "onnx/model.h"
#include "passes/liveness.h"

namespace tendon {
namespace {

constexpr float kLargestHalf = 65504.0F;

using Names = std::vector<std::string>;

/// Nodes without a name go by their first output, as everywhere.
std::string name_of(const NodeProto& node) {
  if (!node.name.empty() || node.outputs.empty()) return std::string(node.name);
  return std::string(node.outputs[0]);
}

/// "a, b and 3 more"
std::string listed(const Names& names) {
  constexpr size_t kShown = 5;
  const size_t shown = std::min(names.size(), kShown);
  const auto end = names.begin() + static_cast<ptrdiff_t>(shown);
  std::string text = fmt::format("'{}'", fmt::join(names.begin(), end, "', '"));
  return shown < names.size() ? fmt::format("{} and {} more", text, names.size() - shown) : text;
}

/// The node that a message begins with: "[Conv 'stem'] …".
Names node_of_message(std::string_view message) {
  const size_t open = message.find('[');
  const size_t first = message.find('\'', open);
  const size_t close = message.find("']", first);
  if (open == message.npos || first == message.npos || close == message.npos) return {};
  return {std::string(message.substr(first + 1, close - first - 1))};
}

class Linter {
 public:
  explicit Linter(const std::string& path) : path_(path) {}

  LintReport run() {
    const auto file = MappedFile::open(path_);
    try {
      const ModelProto model = read_model(file->bytes());
      for (const NodeProto& node : model.graph.nodes) report_.nodes.push_back(name_of(node));
      names(model.graph);
      liveness(model.graph);
    } catch (const Error& error) {
      add(LintLevel::kException, "reader", error.what());
      return std::move(report_);
    }
    if (auto graph = import()) {
      weights(*graph);
      shapes(*graph);
    }
    return std::move(report_);
  }

 private:
  void add(LintLevel level, const char* source, std::string message, Names nodes = {}) {
    report_.entries.push_back({level, source, std::move(message), std::move(nodes)});
  }

  void names(const GraphProto& graph) {
    std::map<std::string_view, size_t> counts;
    for (const NodeProto& node : graph.nodes) ++counts[node.name];
    for (const auto& [name, count] : counts) {
      if (name.empty()) {
        add(LintLevel::kInfo, "names",
            fmt::format("{} nodes have no name; they go by their first output", count));
      } else if (count > 1) {
        add(LintLevel::kWarning, "names",
            fmt::format("{} nodes are called '{}'; precisions and reports cannot tell them apart",
                        count, name),
            {std::string(name)});
      }
    }
    std::set<std::string_view> inputs;
    for (const ValueInfoProto& input : graph.inputs) inputs.insert(input.name);
    Names both;
    for (const TensorProto& tensor : graph.initializers) {
      if (inputs.contains(tensor.name)) both.emplace_back(tensor.name);
    }
    if (!both.empty()) {
      add(LintLevel::kInfo, "names",
          fmt::format("{} weights are inputs too, as before IR version 4; they stay constant: {}",
                      both.size(), listed(both)));
    }
  }

  void liveness(const GraphProto& graph) {
    std::map<std::string_view, const NodeProto*> makers;
    for (const NodeProto& node : graph.nodes) {
      for (const std::string_view output : node.outputs) makers[output] = &node;
    }
    std::set<std::string_view> read;
    std::vector<std::string_view> waiting;
    for (const ValueInfoProto& output : graph.outputs) waiting.push_back(output.name);
    std::set<const NodeProto*> alive;
    while (!waiting.empty()) {
      const std::string_view name = waiting.back();
      waiting.pop_back();
      if (name.empty() || !read.insert(name).second) continue;
      const auto maker = makers.find(name);
      if (maker == makers.end() || !alive.insert(maker->second).second) continue;
      collect_reads(*maker->second, waiting);
    }
    Names dead;
    for (const NodeProto& node : graph.nodes) {
      if (!alive.contains(&node)) dead.push_back(name_of(node));
    }
    if (!dead.empty()) {
      const std::string message =
          fmt::format("no output needs {} nodes: {}", dead.size(), listed(dead));
      add(LintLevel::kWarning, "liveness", message, std::move(dead));
    }
    std::set<std::string_view> constants;
    Names unread;
    for (const TensorProto& tensor : graph.initializers) {
      constants.insert(tensor.name);
      if (!read.contains(tensor.name)) unread.emplace_back(tensor.name);
    }
    if (!unread.empty()) {
      add(LintLevel::kWarning, "liveness",
          fmt::format("no output needs {} weights: {}", unread.size(), listed(unread)));
    }
    for (const ValueInfoProto& input : graph.inputs) {
      if (read.contains(input.name) || constants.contains(input.name)) continue;
      add(LintLevel::kWarning, "liveness",
          fmt::format("no output depends on input '{}'", input.name));
    }
  }

  /// The names that a node reads, those inside its branches included.
  static void collect_reads(const NodeProto& node, std::vector<std::string_view>& names) {
    names.insert(names.end(), node.inputs.begin(), node.inputs.end());
    for (const AttributeProto& attribute : node.attributes) {
      if (!attribute.graph) continue;
      for (const NodeProto& inner : attribute.graph->nodes) collect_reads(inner, names);
      for (const ValueInfoProto& output : attribute.graph->outputs) names.push_back(output.name);
    }
  }

  std::optional<Graph> import() {
    std::map<std::string, Names> unsupported;
    const ImportOptions lenient{.check_finite = false, .unsupported = &unsupported};
    std::optional<Graph> graph;
    try {
      graph = graph_from_onnx_path(path_, lenient);
      graph_from_onnx_path(path_);
    } catch (const Error& error) {
      if (unsupported.empty()) {
        add(LintLevel::kException, "importer", error.what(), node_of_message(error.what()));
      }
    }
    for (auto& [reason, nodes] : unsupported) {
      add(LintLevel::kException, "importer", "not supported: " + reason, std::move(nodes));
    }
    return graph;
  }

  void weights(const Graph& graph) {
    for (const Value& value : graph.values()) {
      if (!value.constant || value.readers.empty()) continue;
      Names readers;
      for (const NodeId reader : value.readers) readers.push_back(graph.node(reader).name);
      if (value.constant->dtype() == DataType::kFloat64) {
        add(LintLevel::kWarning, "weights",
            fmt::format("'{}' is float64, which no kernel but the reference computes in",
                        value.name),
            readers);
      }
      if (is_floating(value.constant->dtype()) && value.constant->size() > 1) {
        elements(value, readers);
      }
    }
  }

  void elements(const Value& value, const Names& readers) {
    size_t nan = 0, infinite = 0, large = 0, subnormal = 0, zero = 0;
    const std::vector<double> numbers = to_doubles(*value.constant);
    for (const double number : numbers) {
      const auto x = static_cast<float>(number);
      nan += std::isnan(x);
      infinite += std::isinf(x);
      large += std::isfinite(x) && std::fabs(x) > kLargestHalf;
      subnormal += std::fpclassify(x) == FP_SUBNORMAL;
      zero += x == 0;
    }
    const auto report = [&](LintLevel level, size_t count, std::string_view what) {
      if (count == 0) return;
      add(level, "weights",
          fmt::format("'{}': {} of {} elements {}", value.name, count, numbers.size(), what),
          readers);
    };
    report(LintLevel::kWarning, nan, "are NaN");
    report(LintLevel::kWarning, infinite, "are infinite, which only a mask should be");
    report(LintLevel::kWarning, large,
           "are beyond float16's range; --fp16 keeps their layer in float32");
    report(LintLevel::kInfo, subnormal, "are subnormal, which some CPUs compute slowly");
    if (zero == numbers.size() && value.constant->rank() > 1) {
      report(LintLevel::kWarning, zero, "are 0: the weight was never loaded, or does nothing");
    }
  }

  void shapes(Graph& graph) {
    try {
      bind_inputs(graph, {});
    } catch (const Error& error) {
      add(LintLevel::kException, "shapes", error.what(), node_of_message(error.what()));
      return;
    }
    const UsageReport usage = parameter_usage(graph);
    if (usage.unused_parameters > 0) {
      add(LintLevel::kWarning, "liveness", to_string(usage));
    }
  }

  const std::string& path_;
  LintReport report_;
};

}  // namespace

bool LintReport::passed() const {
  return std::ranges::count(entries, LintLevel::kException, &LintEntry::level) == 0;
}

LintReport lint_onnx_path(const std::string& path) { return Linter(path).run(); }

}  // namespace tendon
