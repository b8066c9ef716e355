#include "engine/place_copies.h"

#include <map>

#include "ir/graph_edit.h"
#include "ir/infer.h"

namespace tendon {
namespace {

class Placer {
 public:
  Placer(const Graph& graph, std::vector<ChosenKernel> layers)
      : graph_(graph), is_on_device_(graph.values().size(), false) {
    for (ChosenKernel& layer : layers) {
      if (layer.device != nullptr) {
        TENDON_ASSERT(device_ == nullptr || device_ == layer.device);
        device_ = layer.device;
        backend_ = layer.record.backend;
      }
      const NodeId node = layer.node;
      layers_.emplace(node, std::move(layer));
    }
  }

  PlacedLayers place() {
    find_values();
    const size_t old_nodes = graph_.nodes().size();
    std::vector<Change> changes;
    for (size_t i = 0; i < old_nodes; ++i) {
      const auto id = static_cast<NodeId>(i);
      const auto layer = layers_.find(id);
      if (!graph_.node(id).alive || layer == layers_.end()) continue;
      const bool on_device = layer->second.device != nullptr;
      for (size_t input = 0; input < graph_.node(id).inputs.size(); ++input) {
        const ValueId value = graph_.node(id).inputs[input];
        if (value == kNone || graph_.is_constant(value)) continue;
        if (is_on_device(value) != on_device) changes.push_back({id, input, copy_of(value)});
      }
    }
    std::vector<ValueId> outputs = graph_.outputs();
    for (ValueId& value : outputs) {
      if (is_on_device(value)) value = copy_of(value);
    }
    graph_.set_outputs(outputs);
    infer_shapes(graph_);
    GraphEdit edit(graph_);
    for (const Change& change : changes) edit.set_input(change.node, change.input, change.value);
    edit.apply();
    PlacedLayers placed{{}, {}};
    for (const NodeId id : graph_.topological_order()) {
      const auto layer = layers_.find(id);
      if (layer != layers_.end()) placed.layers.push_back(std::move(layer->second));
    }
    placed.graph = std::move(graph_);
    return placed;
  }

 private:
  struct Change {
    NodeId node;
    size_t input;
    ValueId value;
  };

  bool is_on_device(ValueId id) const { return is_on_device_[static_cast<size_t>(id)]; }

  /// A view is where its input is.
  void find_values() {
    for (const NodeId id : graph_.topological_order()) {
      const Node& node = graph_.node(id);
      const auto layer = layers_.find(id);
      const bool on_device =
          layer == layers_.end() ? is_on_device(node.inputs[0]) : layer->second.device != nullptr;
      for (const ValueId output : node.outputs) {
        if (output != kNone) is_on_device_[static_cast<size_t>(output)] = on_device;
      }
    }
  }

  ValueId copy_of(ValueId value) {
    const auto [entry, added] = copies_.try_emplace(value, kNone);
    if (!added) return entry->second;
    const TensorType type = graph_.type(value);
    const size_t bytes = byte_size(type);
    const bool to_host = is_on_device(value);
    const auto direction = to_host ? CopyDirection::kToHost : CopyDirection::kToDevice;
    const std::string name =
        fmt::format("{} {}", graph_.value(value).name, to_host ? "to host" : "to device");
    const NodeId node = graph_.add_node(Identity{}, {value}, {name}, name);
    entry->second = graph_.node(node).outputs[0];
    ChosenKernel layer;
    layer.node = node;
    layer.device = device_;
    layer.copy = direction;
    layer.kernel = device_->make_copy(direction, bytes);
    layer.record.name = name;
    layer.record.type = kCopyLayer;
    layer.record.backend = backend_;
    layer.record.kernel = to_host ? "copy:to_host" : "copy:to_device";
    layer.record.precision = type.dtype;
    layer.record.outputs = {type};
    layers_.emplace(node, std::move(layer));
    return entry->second;
  }

  Graph graph_;
  std::vector<bool> is_on_device_;
  std::map<NodeId, ChosenKernel> layers_;
  std::map<ValueId, ValueId> copies_;
  Device* device_ = nullptr;
  std::string backend_;
};

}  // namespace

PlacedLayers place_copies(const Graph& graph, std::vector<ChosenKernel> layers) {
  return Placer(graph, std::move(layers)).place();
}

}  // namespace tendon
