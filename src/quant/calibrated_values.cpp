// A value is worth observing if it still exists when everything is fused, so that no observer can
// stand between nodes that fusing joins.
#include "quant/calibrated_values.h"

#include <map>
#include <optional>

#include "base/data_type.h"
#include "passes/pipeline.h"
#include "passes/view.h"

namespace tendon {
namespace {

bool is_convolution(const Node& node) {
  return std::holds_alternative<Conv>(node.op) || std::holds_alternative<FusedConv>(node.op);
}

bool is_product(const Node& node) {
  return std::holds_alternative<MatMul>(node.op) || std::holds_alternative<Gemm>(node.op) ||
         std::holds_alternative<FusedMatMul>(node.op);
}

bool has_weights(const Graph& graph, const Node& node) {
  return (is_convolution(node) || is_product(node)) && graph.is_constant(node.inputs[1]);
}

bool is_observable(const Graph& graph, ValueId id) {
  return id != kNone && !graph.is_constant(id) && is_floating(graph.type(id).dtype) &&
         graph.shape(id).element_count() > 0;
}

/// Values by name, with the axis of their channels.
using Sources = std::map<std::string, int, std::less<>>;
using Ids = std::map<std::string, ValueId, std::less<>>;

int channel_axis(const Shape& shape, bool is_image) {
  return is_image || shape.rank() > 3 ? 1 : std::max(shape.rank() - 1, 0);
}

/// The value that stands for `id` where nothing but a max-pool reads it: what the pool leaves is
/// all that later layers see of it, and its largest elements are among that. Else `id` itself.
ValueId seen_of(const Graph& graph, ValueId id) {
  const std::vector<NodeId>& readers = graph.value(id).readers;
  if (graph.use_count(id) != 1 || readers.size() != 1) return id;
  const Node& reader = graph.node(readers[0]);
  return std::holds_alternative<MaxPool>(reader.op) && reader.outputs.size() == 1
             ? reader.outputs[0]
             : id;
}

/// What the fused graph shows of the canonical one: names of values that both have.
class SourceFinder {
 public:
  SourceFinder(const Graph& graph, const Ids& ids) : graph_(graph), ids_(ids), fused_(graph) {
    // Turning or scaling a value gives it another name.
    run_passes(fused_, {.disabled = {"channels-last", "push-transposes", "fold-attention-scale"},
                        .self_check = false});
  }

  Sources find() {
    for (const GraphInput& input : graph_.inputs()) add(graph_, input.value, false);
    for (const NodeId id : fused_.topological_order()) {
      const Node& node = fused_.node(id);
      if (has_weights(fused_, node)) {
        const bool image = is_convolution(node);
        add(fused_, node.inputs[0], image);
        add(fused_, input_of(node, 3), image);
        add(fused_, seen_of(fused_, node.outputs[0]), image);
      } else if (std::holds_alternative<Attention>(node.op) || is_product(node)) {
        for (const ValueId input : node.inputs) add(fused_, input, false);
      }
    }
    return std::move(sources_);
  }

 private:
  void add(const Graph& graph, ValueId id, bool image) {
    if (!is_observable(graph, id)) return;
    while (!ids_.contains(graph.value(id).name)) {
      const ValueId base = view_of(graph, id).base;
      if (base == id) return;
      id = base;
    }
    const std::string& name = graph.value(id).name;
    const ValueId own = ids_.find(name)->second;
    if (!is_observable(graph_, own) || graph_.shape(own) != graph.shape(id)) return;
    sources_.emplace(name, channel_axis(graph.shape(id), image));
  }

  const Graph& graph_;
  const Ids& ids_;
  Graph fused_;
  Sources sources_;
};

/// The axis of a view's base that is the view's `axis`, if one is.
std::optional<int> axis_of_base(const Graph& graph, const ViewOf& view, ValueId id, int axis) {
  if (view.base == id) return axis;
  const Shape& base = graph.shape(view.base);
  for (int candidate = 0; candidate < base.rank(); ++candidate) {
    if (view.view.is_axis_of_base(axis, base, candidate)) return candidate;
  }
  return std::nullopt;
}

/// x and the factor where `id` is x times or divided by a constant scalar.
std::optional<std::pair<ValueId, double>> without_factor(const Graph& graph, ValueId id) {
  const auto* binary = graph.producer_op<Binary>(id);
  if (binary == nullptr) return std::nullopt;
  const std::vector<ValueId>& inputs = graph.producer(id)->inputs;
  for (const size_t constant : {size_t{1}, size_t{0}}) {
    const auto scalar = constant_scalar(graph, inputs[constant]);
    if (!scalar || graph.type(inputs[1 - constant]) != graph.type(id)) continue;
    if (binary->kind == BinaryKind::kMul) return std::pair(inputs[1 - constant], *scalar);
    if (binary->kind == BinaryKind::kDiv && constant == 1 && *scalar != 0) {
      return std::pair(inputs[0], 1 / *scalar);
    }
  }
  return std::nullopt;
}

/// Collects the names that layers of the canonical graph read and write.
class Namer {
 public:
  Namer(const Graph& graph, const Sources& sources) : graph_(graph), sources_(sources) {}

  std::vector<CalibratedValue> name_all() {
    for (const auto& [name, axis] : sources_) add_source(name, axis);
    for (const NodeId id : graph_.topological_order()) {
      const Node& node = graph_.node(id);
      if (std::holds_alternative<MaxPool>(node.op)) add_pooled(node);
      if (!is_convolution(node) && !is_product(node)) continue;
      const bool image = is_convolution(node);
      const bool covered = add(node.inputs[0], image);
      if (graph_.is_constant(node.inputs[1])) {
        // What attention makes has another name once it is fused.
        if (!covered) add_source(graph_.value(node.inputs[0]).name, channel_axis_of(node));
      } else {
        add(node.inputs[1], image);
      }
    }
    std::vector<CalibratedValue> values;
    for (auto& [name, value] : values_) values.push_back(std::move(value));
    return values;
  }

 private:
  int channel_axis_of(const Node& node) const {
    return channel_axis(graph_.shape(node.inputs[0]), is_convolution(node));
  }

  void add_source(const std::string& name, int axis) {
    values_.emplace(name, CalibratedValue{name, name, 1, axis, true});
  }

  void add_pooled(const Node& pool) {
    const ValueId input = pool.inputs[0];
    const ValueId seen = seen_of(graph_, input);
    if (seen == input) return;
    const auto source = sources_.find(graph_.value(seen).name);
    if (source == sources_.end()) return;
    const std::string& name = graph_.value(input).name;
    values_.emplace(name, CalibratedValue{name, source->first, 1, source->second, false});
  }

  /// Whether the value needs no observer of its own: it has one, or something does that it is a
  /// view of, or its range is known.
  bool add(ValueId id, bool image) {
    if (!is_observable(graph_, id) || values_.contains(graph_.value(id).name)) return true;
    const std::string& name = graph_.value(id).name;
    double factor = 1;
    std::optional<int> axis = channel_axis(graph_.shape(id), image);
    for (ValueId at = id;;) {
      const ViewOf view = view_of(graph_, at);
      if (axis) axis = axis_of_base(graph_, view, at, *axis);
      at = view.base;
      if (graph_.producer_op<Softmax>(at) != nullptr) {
        values_.emplace(name, CalibratedValue{name, "", 1, 0, false});
        return true;
      }
      const auto source = sources_.find(graph_.value(at).name);
      if (source != sources_.end()) {
        values_.emplace(name, CalibratedValue{name, source->first, factor, source->second,
                                              axis == source->second});
        return true;
      }
      const auto above = without_factor(graph_, at);
      if (!above) return false;
      at = above->first;
      factor *= above->second;
    }
  }

  const Graph& graph_;
  const Sources& sources_;
  std::map<std::string, CalibratedValue> values_;
};

Ids ids_by_name(const Graph& graph) {
  Ids ids;
  for (size_t i = 0; i < graph.values().size(); ++i) {
    ids.emplace(graph.values()[i].name, static_cast<ValueId>(i));
  }
  return ids;
}

}  // namespace

std::vector<CalibratedValue> calibrated_values(const Graph& graph) {
  const Ids ids = ids_by_name(graph);
  const Sources sources = SourceFinder(graph, ids).find();
  return Namer(graph, sources).name_all();
}

void insert_observers(Graph& graph, std::span<const CalibratedValue> values) {
  const Ids ids = ids_by_name(graph);
  GraphEdit edit(graph);
  std::map<ValueId, ValueId> observed;
  for (const CalibratedValue& value : values) {
    if (value.source.empty()) continue;
    const ValueId id = ids.at(value.source);
    if (graph.is_input(id) || observed.contains(id)) continue;
    Observe observe;
    observe.name = value.source;
    observe.axis = value.source_axis;
    observed[id] = edit.add_node(observe, {id}, value.source);
    edit.replace(id, observed[id]);
  }
  edit.apply();
}

}  // namespace tendon
