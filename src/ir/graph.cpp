#include "ir/graph.h"

#include <algorithm>
#include <queue>
#include <unordered_set>

namespace tendon {

bool Graph::is_output(ValueId id) const {
  return std::ranges::find(outputs_, id) != outputs_.end();
}

bool Graph::is_input(ValueId id) const {
  return std::ranges::find(inputs_, id, &GraphInput::value) != inputs_.end();
}

const Node* Graph::producer(ValueId id) const {
  const NodeId node = value(id).producer;
  return node == kNone ? nullptr : &nodes_[static_cast<size_t>(node)];
}

const TensorType& Graph::type(ValueId id) const {
  const auto& type = value(id).type;
  if (!type) {
    fail(ErrorKind::kInternal, "the shape of '{}' is not known yet", value(id).name);
  }
  return *type;
}

std::vector<NodeId> Graph::topological_order() const {
  std::vector<int> waiting(nodes_.size());
  std::priority_queue<NodeId, std::vector<NodeId>, std::greater<>> ready;
  size_t alive = 0;
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (!nodes_[i].alive) continue;
    ++alive;
    for (const ValueId input : nodes_[i].inputs) {
      if (input != kNone && value(input).producer != kNone) ++waiting[i];
    }
    if (waiting[i] == 0) ready.push(static_cast<NodeId>(i));
  }
  std::vector<NodeId> order;
  order.reserve(alive);
  while (!ready.empty()) {
    const NodeId id = ready.top();
    ready.pop();
    order.push_back(id);
    for (const ValueId output : node(id).outputs) {
      if (output == kNone) continue;
      for (const NodeId reader : value(output).readers) {
        if (--waiting[static_cast<size_t>(reader)] == 0) ready.push(reader);
      }
    }
  }
  if (order.size() != alive) {
    for (size_t i = 0; i < nodes_.size(); ++i) {
      if (nodes_[i].alive && waiting[i] > 0) {
        fail_input("the graph has a cycle through {}", place_of(nodes_[i]));
      }
    }
  }
  return order;
}

ValueId Graph::find_value(std::string_view wanted) const {
  for (size_t i = 0; i < values_.size(); ++i) {
    if (values_[i].name == wanted) return static_cast<ValueId>(i);
  }
  fail_input("the graph has no value named '{}'", wanted);
}

ValueId Graph::add_input(std::string input_name, DataType dtype, std::vector<Dim> dims) {
  const auto id = static_cast<ValueId>(values_.size());
  std::optional<TensorType> type;
  if (std::ranges::all_of(dims, &Dim::fixed)) {
    type = TensorType{dtype, {}};
    for (const Dim& dim : dims) type->shape.push_back(dim.size);
  }
  values_.push_back({std::move(input_name), type, {}, kNone, {}});
  inputs_.push_back({id, dtype, std::move(dims)});
  return id;
}

ValueId Graph::add_constant(Tensor tensor, std::string constant_name) {
  const auto id = static_cast<ValueId>(values_.size());
  const TensorType type = tensor.type();
  values_.push_back({std::move(constant_name), type, std::move(tensor), kNone, {}});
  return id;
}

NodeId Graph::add_node(Op op, std::vector<ValueId> inputs, std::vector<std::string> outputs,
                       std::string node_name) {
  const auto id = static_cast<NodeId>(nodes_.size());
  Node node{std::move(node_name), std::move(op), std::move(inputs), {}, true};
  for (const ValueId input : node.inputs) {
    if (input != kNone) values_[static_cast<size_t>(input)].readers.push_back(id);
  }
  for (std::string& output : outputs) {
    node.outputs.push_back(static_cast<ValueId>(values_.size()));
    values_.push_back({std::move(output), {}, {}, id, {}});
  }
  nodes_.push_back(std::move(node));
  return id;
}

void Graph::compact() {
  std::vector<NodeId> node_map(nodes_.size(), kNone);
  std::vector<bool> used(values_.size(), false);
  for (const GraphInput& input : inputs_) used[static_cast<size_t>(input.value)] = true;
  for (const ValueId output : outputs_) used[static_cast<size_t>(output)] = true;
  std::vector<Node> kept;
  for (const NodeId id : topological_order()) {
    node_map[static_cast<size_t>(id)] = static_cast<NodeId>(kept.size());
    Node& node = nodes_[static_cast<size_t>(id)];
    for (const auto* list : {&node.inputs, &node.outputs}) {
      for (const ValueId value : *list) {
        if (value != kNone) used[static_cast<size_t>(value)] = true;
      }
    }
    kept.push_back(std::move(node));
  }
  std::vector<ValueId> value_map(values_.size(), kNone);
  std::vector<Value> values;
  for (size_t i = 0; i < values_.size(); ++i) {
    if (!used[i]) continue;
    value_map[i] = static_cast<ValueId>(values.size());
    Value& value = values_[i];
    if (value.producer != kNone) value.producer = node_map[static_cast<size_t>(value.producer)];
    for (NodeId& reader : value.readers) reader = node_map[static_cast<size_t>(reader)];
    values.push_back(std::move(value));
  }
  const auto renumber = [&](ValueId& id) {
    if (id != kNone) id = value_map[static_cast<size_t>(id)];
  };
  for (Node& node : kept) {
    std::ranges::for_each(node.inputs, renumber);
    std::ranges::for_each(node.outputs, renumber);
  }
  for (GraphInput& input : inputs_) renumber(input.value);
  std::ranges::for_each(outputs_, renumber);
  nodes_ = std::move(kept);
  values_ = std::move(values);
}

void Graph::make_value_names_unique() {
  std::unordered_set<std::string> taken;
  std::vector<bool> keeps(values_.size(), false);
  const auto keep = [&](ValueId id) {
    keeps[static_cast<size_t>(id)] = true;
    taken.insert(value(id).name);
  };
  for (const GraphInput& input : inputs_) keep(input.value);
  for (const ValueId output : outputs_) keep(output);
  for (size_t i = 0; i < values_.size(); ++i) {
    std::string& value_name = values_[i].name;
    if (keeps[i] || taken.insert(value_name).second) continue;
    const std::string stem = value_name + ".";
    int suffix = 0;
    do {
      value_name = stem + std::to_string(++suffix);
    } while (!taken.insert(value_name).second);
  }
}

std::string place_of(const Node& node) {
  return fmt::format("[{} '{}']", type_of(node.op), node.name);
}

}  // namespace tendon
