#include "ir/graph_edit.h"

#include <algorithm>

namespace tendon {

const Value& GraphEdit::value(ValueId id) const {
  const auto index = static_cast<size_t>(id);
  const size_t old_count = graph_.values_.size();
  return index < old_count ? graph_.values_[index] : new_values_[index - old_count];
}

const TensorType& GraphEdit::type(ValueId id) const {
  const Value& found = value(id);
  if (!found.type) fail(ErrorKind::kInternal, "the shape of '{}' is not known yet", found.name);
  return *found.type;
}

Argument GraphEdit::argument(ValueId id) const {
  if (id == kNone) return {};
  const Value& found = value(id);
  return {type(id), found.constant ? &*found.constant : nullptr, true};
}

ValueId GraphEdit::add_constant(Tensor tensor, std::string name) {
  const TensorType type = tensor.type();
  new_values_.push_back({std::move(name), type, std::move(tensor), kNone, {}});
  return static_cast<ValueId>(graph_.values_.size() + new_values_.size() - 1);
}

ValueId GraphEdit::add_node(Op op, std::vector<ValueId> inputs, std::string name) {
  return add_node(std::move(op), std::move(inputs), 1, std::move(name))[0];
}

std::vector<ValueId> GraphEdit::add_node(Op op, std::vector<ValueId> inputs, size_t output_count,
                                         std::string name) {
  Node node{std::move(name), std::move(op), std::move(inputs), {}, true};
  std::vector<Argument> arguments;
  for (const ValueId input : node.inputs) arguments.push_back(argument(input));
  std::vector<TensorType> types;
  try {
    types = infer(node.op, arguments);
  } catch (const Error& error) {
    throw Error(ErrorKind::kInternal, error.within(place_of(node)).what());
  }
  TENDON_ASSERT(types.size() >= output_count);
  const auto id = static_cast<NodeId>(graph_.nodes_.size() + new_nodes_.size());
  for (size_t i = 0; i < output_count; ++i) {
    node.outputs.push_back(static_cast<ValueId>(graph_.values_.size() + new_values_.size()));
    const std::string suffix = i == 0 ? "" : "." + std::to_string(i);
    new_values_.push_back({node.name + suffix, types[i], {}, id, {}});
  }
  new_nodes_.push_back(std::move(node));
  return new_nodes_.back().outputs;
}

void GraphEdit::set_name(ValueId new_value, std::string name) {
  new_values_[static_cast<size_t>(new_value) - graph_.values_.size()].name = std::move(name);
}

void GraphEdit::replace(ValueId old_value, ValueId new_value) {
  replacements_.emplace_back(old_value, new_value);
}

void GraphEdit::replace_by_constant(ValueId old_value, Tensor tensor) {
  replace(old_value, add_constant(std::move(tensor), value(old_value).name));
  new_values_.back().folded = true;
}

void GraphEdit::set_input(NodeId node, size_t index, ValueId new_value) {
  input_changes_.push_back({node, index, new_value});
}

void GraphEdit::set_op(NodeId node, Op op) { op_changes_.emplace_back(node, std::move(op)); }

void GraphEdit::take_place(ValueId new_value, NodeId old_node) {
  places_.emplace_back(new_value, old_node);
}

bool GraphEdit::empty() const {
  return new_nodes_.empty() && replacements_.empty() && input_changes_.empty() &&
         op_changes_.empty();
}

void GraphEdit::apply() {
  for (const auto& [old_value, new_value] : replacements_) {
    if (value(old_value).type != value(new_value).type) {
      fail(ErrorKind::kInternal, "'{}' of type {} was to be replaced by '{}' of type {}",
           value(old_value).name, type(old_value), value(new_value).name, type(new_value));
    }
  }
  auto& nodes = graph_.nodes_;
  auto& values = graph_.values_;
  const auto first_new_node = static_cast<NodeId>(nodes.size());
  const auto first_new_value = static_cast<ValueId>(values.size());
  std::move(new_values_.begin(), new_values_.end(), std::back_inserter(values));
  for (Node& node : new_nodes_) {
    const auto id = static_cast<NodeId>(nodes.size());
    for (const ValueId input : node.inputs) {
      if (input != kNone) values[static_cast<size_t>(input)].readers.push_back(id);
    }
    nodes.push_back(std::move(node));
  }
  for (auto& [id, op] : op_changes_) nodes[static_cast<size_t>(id)].op = std::move(op);

  std::vector<ValueId> released;
  const auto move_reader = [&](NodeId reader, size_t index, ValueId to) {
    ValueId& slot = nodes[static_cast<size_t>(reader)].inputs[index];
    if (slot != kNone) {
      auto& readers = values[static_cast<size_t>(slot)].readers;
      readers.erase(std::ranges::find(readers, reader));
      released.push_back(slot);
    }
    slot = to;
    if (to != kNone) values[static_cast<size_t>(to)].readers.push_back(reader);
  };
  for (const InputChange& change : input_changes_) {
    move_reader(change.node, change.index, change.value);
  }
  for (const auto& [old_value, new_value] : replacements_) {
    const auto readers = values[static_cast<size_t>(old_value)].readers;
    for (const NodeId reader : readers) {
      // Nodes of this edit chose their inputs on purpose, often the replaced value itself.
      if (reader >= first_new_node) continue;
      const auto& inputs = nodes[static_cast<size_t>(reader)].inputs;
      for (size_t i = 0; i < inputs.size(); ++i) {
        if (inputs[i] == old_value) move_reader(reader, i, new_value);
      }
    }
    const bool was_output = graph_.is_output(old_value);
    std::ranges::replace(graph_.outputs_, old_value, new_value);
    // The same tensor keeps its name, so that outputs and calibrated ranges are found by it.
    if (new_value >= first_new_value || was_output) {
      std::swap(values[static_cast<size_t>(old_value)].name,
                values[static_cast<size_t>(new_value)].name);
    }
    released.push_back(old_value);
  }
  while (!released.empty()) {
    const ValueId id = released.back();
    released.pop_back();
    const NodeId producer = graph_.value(id).producer;
    if (producer == kNone) continue;
    Node& node = nodes[static_cast<size_t>(producer)];
    const bool used = std::ranges::any_of(node.outputs, [&](ValueId output) {
      return output != kNone && graph_.use_count(output) > 0;
    });
    if (!node.alive || used) continue;
    unlink(producer, released);
  }
  new_values_.clear();
  new_nodes_.clear();
  replacements_.clear();
  input_changes_.clear();
  op_changes_.clear();
  for (const auto& [made, place] : std::exchange(places_, {})) {
    move_to_place(graph_.value(made).producer, place);
  }
}

void GraphEdit::move_to_place(NodeId id, NodeId dead) {
  Node& node = graph_.nodes_[static_cast<size_t>(id)];
  Node& place = graph_.nodes_[static_cast<size_t>(dead)];
  TENDON_ASSERT(node.alive && !place.alive);
  for (const ValueId input : node.inputs) {
    if (input != kNone)
      std::ranges::replace(graph_.values_[static_cast<size_t>(input)].readers, id, dead);
  }
  for (const ValueId output : node.outputs) {
    if (output != kNone) graph_.values_[static_cast<size_t>(output)].producer = dead;
  }
  std::swap(node, place);
}

void GraphEdit::unlink(NodeId id, std::vector<ValueId>& released) {
  Node& node = graph_.nodes_[static_cast<size_t>(id)];
  node.alive = false;
  for (const ValueId input : node.inputs) {
    if (input == kNone) continue;
    auto& readers = graph_.values_[static_cast<size_t>(input)].readers;
    readers.erase(std::ranges::find(readers, id));
    released.push_back(input);
  }
}

void GraphEdit::remove_unused(NodeId id) {
  std::vector<ValueId> released;
  unlink(id, released);
}

bool can_replace(const Graph& graph, ValueId old_value, ValueId new_value) {
  return !graph.is_output(old_value) || (!graph.is_input(new_value) && !graph.is_output(new_value));
}

size_t remove_unused_nodes(Graph& graph) {
  std::vector<bool> needed(graph.nodes().size(), false);
  std::vector<ValueId> pending(graph.outputs());
  while (!pending.empty()) {
    const ValueId id = pending.back();
    pending.pop_back();
    const NodeId producer = id == kNone ? kNone : graph.value(id).producer;
    if (producer == kNone || needed[static_cast<size_t>(producer)]) continue;
    needed[static_cast<size_t>(producer)] = true;
    const auto& inputs = graph.node(producer).inputs;
    pending.insert(pending.end(), inputs.begin(), inputs.end());
  }
  size_t removed = 0;
  const auto order = graph.topological_order();
  for (auto it = order.rbegin(); it != order.rend(); ++it) {
    if (needed[static_cast<size_t>(*it)]) continue;
    GraphEdit edit(graph);
    edit.remove_unused(*it);
    ++removed;
  }
  return removed;
}

}  // namespace tendon
