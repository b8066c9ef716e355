#include "engine/parts.h"

#include "engine/memory_plan.h"

namespace tendon {
namespace {

/// A smaller share is copied: made early, it would keep memory for the whole taken all the while.
constexpr size_t kLeastShare = 8;

/// Copies between host and device begin in one arena and end in the other.
bool works_in(const ChosenKernel& layer, const Device* memory) {
  return layer.device == memory && !layer.copy.has_value();
}

}  // namespace

std::map<ValueId, PartOf> find_parts(const Graph& graph, std::span<const ChosenKernel> layers,
                                     const std::vector<bool>& kept) {
  std::map<NodeId, const ChosenKernel*> layer_of;
  for (const ChosenKernel& layer : layers) layer_of[layer.node] = &layer;
  const auto is_kept = [&](ValueId id) { return kept[static_cast<size_t>(id)]; };
  // What `id` is another shape of, if a step makes that in such memory of its own.
  const auto made_in = [&](const Device* memory, ValueId id) {
    for (;;) {
      const NodeId producer = graph.value(id).producer;
      if (producer == kNone || is_kept(id)) return kNone;
      const auto layer = layer_of.find(producer);
      if (layer == layer_of.end()) {
        id = graph.node(producer).inputs[0];
        continue;
      }
      const bool own = works_in(*layer->second, memory) && layer->second->kernel->alias_input() < 0;
      return own ? id : kNone;
    }
  };
  std::map<ValueId, PartOf> parts;
  // Wholes before their parts, so that a part's place in the last whole is known.
  for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer) {
    const Node& node = graph.node(layer->node);
    const ValueId whole = node.outputs[0];
    if (whole == kNone || layer->copy.has_value() || is_kept(whole)) continue;
    size_t base = 0;
    for (auto outer = parts.find(whole); outer != parts.end();
         outer = parts.find(outer->second.whole)) {
      base += outer->second.offset;
    }
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const auto offset = layer->kernel->place_in_output(i);
      if (!offset || (base + *offset) % kArenaAlignment != 0) continue;
      if (byte_size(graph.type(node.inputs[i])) * kLeastShare < byte_size(graph.type(whole))) {
        continue;
      }
      const ValueId part = made_in(layer->device, node.inputs[i]);
      if (part != kNone) parts.try_emplace(part, PartOf{whole, *offset});
    }
  }
  return parts;
}

}  // namespace tendon
