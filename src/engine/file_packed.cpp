#include "engine/file_packed.h"

#include <algorithm>

#include "base/log.h"
#include "base/units.h"
#include "engine/choose.h"
#include "engine/plan.h"

namespace tendon::engine_file {

PackedParts packed_parts(const CompiledEngine& engine, WeightsWriter& weights) {
  PackedParts result;
  const ExecutionPlan& plan = *engine.plan();
  if (!engine.info().packed_weights || plan.packed.empty()) return result;
  const Graph& graph = engine.graph();
  const std::vector<NodeId> nodes = layers_of(graph);
  for (size_t i = 0; i < nodes.size(); ++i) {
    result.records.emplace_back();
    for (const PackedWeight& packed : plan.packed[i]) {
      const auto& constant = graph.value(graph.node(nodes[i]).inputs[packed.input]).constant;
      if (!constant || weights.add(*constant).stored != constant->dtype()) continue;
      result.records.back().push_back({packed.input, packed.layout, result.parts.size()});
      result.parts.push_back(packed);
    }
  }
  return result;
}

std::vector<std::vector<PackedWeight>> known_weights(const PlanRecord& plan,
                                                     const Contents& contents,
                                                     std::shared_ptr<const void> owner,
                                                     std::string_view name) {
  std::vector<std::vector<PackedWeight>> known;
  for (const std::vector<PackedPart>& layer : plan.packed) {
    known.emplace_back();
    for (const PackedPart& packed : layer) {
      if (packed.part >= contents.count()) {
        fail_input("{}: names part {} of the packed section, which has {}", name, packed.part,
                   contents.count());
      }
      const auto bytes = contents.bytes(packed.part);
      known.back().push_back(
          {packed.input, packed.layout, bytes.size(), SharedBytes(owner, bytes.data()), true});
    }
  }
  return known;
}

std::vector<bool> needed_parts(const Graph& graph, const ExecutionPlan& plan,
                               const Contents& weights) {
  std::vector<bool> needed(weights.count(), true);
  const std::vector<NodeId> layers = layers_of(graph);
  // With steps that copy between devices the two lists differ; a device reads all constants anyway.
  if (plan.steps.size() != layers.size()) return needed;
  std::vector<bool> replaced(weights.count()), read(weights.count());
  const auto mark = [&](ValueId id, std::vector<bool>& marks) {
    if (id == kNone || !graph.is_constant(id)) return;
    if (const auto part = weights.part_at(graph.value(id).constant->raw())) marks[*part] = true;
  };
  for (const ValueId id : graph.outputs()) mark(id, read);
  size_t layer = 0;
  for (const NodeId id : graph.topological_order()) {
    const Node& node = graph.node(id);
    const bool is_layer = layer < layers.size() && layers[layer] == id;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const auto stands_for = [&](const PackedWeight& packed) {
        return packed.mapped && packed.input == i;
      };
      const bool is_replaced = is_layer && !plan.steps[layer].kernel->reads_constant(i) &&
                               std::ranges::any_of(plan.packed[layer], stands_for);
      mark(node.inputs[i], is_replaced ? replaced : read);
    }
    if (is_layer) ++layer;
  }
  for (size_t i = 0; i < needed.size(); ++i) {
    // Smaller parts were checked when they were found.
    needed[i] = weights.bytes(i).size() > kMostChecked && (read[i] || !replaced[i]);
  }
  return needed;
}

void tally_packed(const Graph& graph, const ExecutionPlan& plan, const Contents& weights,
                  std::string_view name, std::string_view reason, FilePacked& packed) {
  size_t bytes = 0, widened = 0;
  const std::vector<NodeId> layers = layers_of(graph);
  for (size_t i = 0; i < plan.packed.size(); ++i) {
    for (const PackedWeight& weight : plan.packed[i]) {
      if (weight.mapped) {
        ++packed.mapped;
        bytes += weight.bytes;
        continue;
      }
      ++packed.made;
      const ValueId constant = graph.node(layers[i]).inputs[weight.input];
      if (!weights.part_at(graph.value(constant).constant->raw())) {
        ++widened;
      } else if (reason.empty() && packed.made - widened == 1) {
        log_verbose("Layer '{}' ({}) packs its weights here: the file has none for input {}, {}",
                    graph.node(layers[i]).name, plan.choice[i].kernel, weight.input, weight.layout);
      }
    }
  }
  if (packed.mapped + packed.made == 0) return;
  std::string text =
      fmt::format("'{}': {} of {} packed weights are mapped ({})", name, packed.mapped,
                  packed.mapped + packed.made, text_of_bytes(static_cast<double>(bytes)));
  const size_t others = packed.made - widened;
  if (!reason.empty()) {
    text += fmt::format(", {} are packed here, because {}", packed.made, reason);
  } else if (widened > 0) {
    text +=
        fmt::format(", {} are packed here from constants that the file holds as float16", widened);
  }
  if (reason.empty() && others > 0) {
    text += fmt::format(", {} are packed here, because the file has none in their layouts", others);
  }
  log_verbose("{}", text);
}

}  // namespace tendon::engine_file
