#include "passes/liveness.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/data_type.h"
#include "passes/passes.h"
#include "passes/rewrite.h"

namespace tendon {
namespace {

/// Scalars are factors that the exporter wrote, not weights.
bool is_parameter(const Value& value) {
  return value.constant && is_floating(value.constant->dtype()) && value.constant->rank() > 0;
}

/// Rewrites that neither make nor merge floating constants; value ids stay what they were.
Graph with_choices_made(Graph graph) {
  constexpr int kMaxRounds = 20;
  for (int round = 0; round < kMaxRounds; ++round) {
    bool changed = false;
    for (const auto pass : {remove_dead_code, fold_shape_arithmetic, remove_identities, merge_views,
                            push_selections}) {
      changed |= pass(graph);
    }
    if (!changed) break;
  }
  return graph;
}

/// A numbered part of a name: "transformer.decoder.layers" and 3 of
/// "/model/transformer/decoder/layers.3/linear1/MatMul".
struct Numbered {
  std::string prefix;
  int64_t number = 0;
};

std::vector<Numbered> numbered_parts(std::string_view name) {
  std::vector<Numbered> found;
  std::string prefix;
  while (!name.empty()) {
    const size_t length = std::min(name.find_first_of("./"), name.size());
    const std::string_view part = name.substr(0, length);
    name.remove_prefix(std::min(length + 1, name.size()));
    const bool is_number = !part.empty() && part.size() < 10 &&
                           part.find_first_not_of("0123456789") == std::string_view::npos;
    if (is_number && !prefix.empty()) found.push_back({prefix, std::stoll(std::string(part))});
    // "layers.3" may be written twice in a path: "layers/layers.3".
    const size_t last = prefix.find_last_of('.') + 1;
    if (part.empty() || prefix.substr(last) == part) continue;
    prefix += (prefix.empty() ? "" : ".") + std::string(part);
  }
  return found;
}

/// The last two words of "model.transformer.decoder.layers", or "decoder layers" for "decoder".
std::string readable(std::string prefix) {
  std::ranges::replace(prefix, '.', ' ');
  if (!prefix.ends_with('s')) prefix += " layers";
  const size_t last = prefix.find_last_of(' ');
  if (last == std::string::npos) return prefix;
  const size_t before = prefix.find_last_of(' ', last - 1);
  return before == std::string::npos ? prefix : prefix.substr(before + 1);
}

/// What is known of one numbered part: whether any of its nodes matters.
struct Part {
  bool used = false;
  bool has_unused_parameters = false;
};
using Parts = std::map<std::string, std::map<int64_t, Part>>;

/// Numbered parts by the names of the nodes that read parameters, and of the parameters themselves
/// where exporters kept those.
Parts parts_of(const Graph& graph, const std::vector<bool>& used) {
  Parts parts;
  for (size_t id = 0; id < graph.values().size(); ++id) {
    const Value& value = graph.values()[id];
    if (!is_parameter(value) || value.readers.empty()) continue;
    std::set<std::string_view> names;
    for (const NodeId reader : value.readers) names.insert(graph.node(reader).name);
    for (const std::string_view name : names) {
      for (const Numbered& numbered : numbered_parts(name)) {
        Part& part = parts[numbered.prefix][numbered.number];
        if (!used[id]) part.has_unused_parameters = true;
      }
    }
  }
  return parts;
}

/// Marks the parts that hold a node which survives.
void mark_used(Parts& parts, const Graph& alive) {
  for (const Node& node : alive.nodes()) {
    if (!node.alive) continue;
    for (const Numbered& numbered : numbered_parts(node.name)) {
      const auto group = parts.find(numbered.prefix);
      if (group == parts.end()) continue;
      const auto part = group->second.find(numbered.number);
      if (part != group->second.end()) part->second.used = true;
    }
  }
}

std::vector<UnusedLayers> unused_layers(const Parts& parts) {
  std::vector<UnusedLayers> layers;
  std::vector<std::string> reported;
  for (const auto& [prefix, numbers] : parts) {
    const auto unused = std::ranges::count_if(numbers, [](const auto& entry) {
      return !entry.second.used && entry.second.has_unused_parameters;
    });
    // Parts inside a part that is reported say nothing new.
    const bool inside = std::ranges::any_of(reported, [&prefix = prefix](const std::string& outer) {
      return prefix.starts_with(outer + ".");
    });
    if (unused == 0 || inside) continue;
    reported.push_back(prefix);
    layers.push_back({readable(prefix), unused, static_cast<int64_t>(numbers.size())});
  }
  return layers;
}

std::string count_text(int64_t count) {
  if (count >= 1'000'000) return fmt::format("{:.1f} M", static_cast<double>(count) / 1e6);
  if (count >= 10'000) return fmt::format("{:.1f} k", static_cast<double>(count) / 1e3);
  return std::to_string(count);
}

}  // namespace

UsageReport parameter_usage(const Graph& graph) {
  const Graph alive = with_choices_made(graph);
  UsageReport report;
  std::vector<bool> used(graph.values().size(), false);
  for (size_t id = 0; id < graph.values().size(); ++id) {
    const Value& value = graph.values()[id];
    const auto value_id = static_cast<ValueId>(id);
    if (!is_parameter(value) || graph.use_count(value_id) == 0) continue;
    used[id] = alive.use_count(value_id) > 0;
    report.parameters += value.constant->size();
    if (used[id]) continue;
    report.unused_parameters += value.constant->size();
    report.unused.push_back({value.name, value.constant->size()});
  }
  if (report.unused.empty()) return report;
  Parts parts = parts_of(graph, used);
  mark_used(parts, alive);
  report.layers = unused_layers(parts);
  return report;
}

std::string to_string(const UsageReport& report) {
  if (report.unused_parameters == 0) {
    return fmt::format("all {} parameters reach the output", count_text(report.parameters));
  }
  std::string text =
      fmt::format("{} of {} parameters never reach the output",
                  count_text(report.unused_parameters), count_text(report.parameters));
  std::string layers;
  for (const UnusedLayers& group : report.layers) {
    layers += fmt::format("{}{} of {} {}", layers.empty() ? "" : ", ", group.unused, group.total,
                          group.name);
  }
  return layers.empty() ? text : fmt::format("{} ({})", text, layers);
}

}  // namespace tendon
