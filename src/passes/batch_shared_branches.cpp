// Branches that apply the same weights to different inputs run once, on a batch of the inputs.
#include <algorithm>
#include <map>

#include "passes/passes.h"
#include "passes/rewrite.h"

namespace tendon {
namespace {

/// Corresponding values of the branches ("lanes"), one a lane.
using Lanes = std::vector<ValueId>;

bool is_convolution(const Node& node) {
  return std::holds_alternative<Conv>(node.op) || std::holds_alternative<FusedConv>(node.op);
}

/// Whether the operator treats every element of axis 0 of its non-constant inputs on its own.
bool works_per_sample(const Graph& graph, const Node& node) {
  const Op& op = node.op;
  if (node.outputs.size() != 1) return false;
  if (is_convolution(node) || std::holds_alternative<MaxPool>(op) ||
      std::holds_alternative<AveragePool>(op) || std::holds_alternative<GlobalPool>(op) ||
      std::holds_alternative<BatchNormalization>(op) || std::holds_alternative<Unary>(op)) {
    return graph.shape(node.outputs[0]).rank() >= 3;
  }
  if (!std::holds_alternative<Binary>(op)) return false;
  const Shape& result = graph.shape(node.outputs[0]);
  return result.rank() >= 3 && std::ranges::all_of(node.inputs, [&](ValueId input) {
           const Shape& shape = graph.shape(input);
           if (!graph.is_constant(input)) return shape == result;
           return shape.rank() < result.rank() || shape[0] == 1;
         });
}

/// Alive nodes that depend on `id`, and its producer's id itself.
std::vector<bool> dependants(const Graph& graph, NodeId root) {
  std::vector<bool> reached(graph.nodes().size(), false);
  std::vector<NodeId> pending{root};
  while (!pending.empty()) {
    const NodeId id = pending.back();
    pending.pop_back();
    if (reached[static_cast<size_t>(id)]) continue;
    reached[static_cast<size_t>(id)] = true;
    for (const ValueId output : graph.node(id).outputs) {
      if (output == kNone) continue;
      const auto& readers = graph.value(output).readers;
      pending.insert(pending.end(), readers.begin(), readers.end());
    }
  }
  return reached;
}

/// Collects the nodes that the lanes have in common, then rewrites them at once.
class Batcher {
 public:
  Batcher(Graph& graph, Lanes roots) : graph_(graph), lane_count_(roots.size()) {
    while (climb(roots)) {
    }
    add_lanes(std::move(roots));
  }

  /// Takes in every node whose counterpart exists in all lanes.
  void grow() {
    for (const NodeId id : graph_.topological_order()) {
      const Node& node = graph_.node(id);
      if (place_.contains(node.outputs[0]) || !works_per_sample(graph_, node)) continue;
      std::vector<NodeId> nodes{id};
      for (size_t lane = 1; lane < lane_count_; ++lane) nodes.push_back(counterpart(node, lane));
      if (std::ranges::find(nodes, kNone) != nodes.end()) continue;
      Lanes outputs;
      for (const NodeId member : nodes) outputs.push_back(graph_.node(member).outputs[0]);
      steps_.push_back({id, lanes_.size()});
      add_lanes(std::move(outputs));
    }
  }

  bool apply() {
    const bool worthwhile = std::ranges::any_of(
        steps_, [&](const Step& step) { return is_convolution(graph_.node(step.node)); });
    if (!worthwhile) return false;
    GraphEdit edit(graph_);
    std::vector<ValueId> batched(lanes_.size(), kNone);
    const std::string name = graph_.node(steps_.front().node).name;
    batched[0] = edit.add_node(Concat{.axis = 0}, lanes_[0], name + ".batch");
    for (const Step& step : steps_) {
      const Node& node = graph_.node(step.node);
      std::vector<ValueId> inputs = node.inputs;
      for (ValueId& input : inputs) {
        if (const auto found = place_.find(input); found != place_.end()) {
          input = batched[found->second.tuple];
        }
      }
      batched[step.result] = edit.add_node(node.op, std::move(inputs), node.name);
      // Ranges are found by the names of values, and whatever knows the model knows lane 0's.
      const Lanes& lanes = lanes_[step.result];
      edit.set_name(batched[step.result],
                    graph_.value(lanes[0]).name + (read_outside(lanes) ? ".batch" : ""));
    }
    for (const Step& step : steps_) {
      if (!read_outside(lanes_[step.result])) continue;
      const auto parts = edit.add_node(
          Split{.axis = 0, .num_outputs = static_cast<int64_t>(lane_count_)},
          {batched[step.result]}, lane_count_, graph_.node(step.node).name + ".parts");
      for (size_t lane = 0; lane < lane_count_; ++lane) {
        edit.replace(lanes_[step.result][lane], parts[lane]);
      }
    }
    edit.apply();
    return true;
  }

 private:
  struct Place {
    size_t tuple;
    size_t lane;
  };
  struct Step {
    NodeId node;  ///< in lane 0
    size_t result;
  };

  void add_lanes(Lanes lanes) {
    for (size_t lane = 0; lane < lanes.size(); ++lane) {
      place_[lanes[lane]] = {lanes_.size(), lane};
    }
    lanes_.push_back(std::move(lanes));
  }

  /// Moves the roots above equal per-sample operators that feed only them.
  bool climb(Lanes& roots) const {
    Lanes above;
    const Node* first = graph_.producer(roots[0]);
    if (first == nullptr || !works_per_sample(graph_, *first)) return false;
    for (const ValueId root : roots) {
      const Node* node = graph_.producer(root);
      if (node == nullptr || node->op != first->op || graph_.use_count(root) != 1) return false;
      ValueId data = kNone;
      for (size_t i = 0; i < node->inputs.size(); ++i) {
        const ValueId input = node->inputs[i];
        if (input == kNone || graph_.is_constant(input)) {
          if (i >= first->inputs.size() || input != first->inputs[i]) return false;
        } else if (data != kNone) {
          return false;
        } else {
          data = input;
        }
      }
      if (data == kNone || graph_.type(data) != graph_.type(node->inputs[0])) return false;
      above.push_back(data);
    }
    auto distinct = above;
    std::ranges::sort(distinct);
    if (std::ranges::adjacent_find(distinct) != distinct.end()) return false;
    roots = std::move(above);
    return true;
  }

  /// The node of another lane that does what `node` does in lane 0, or kNone.
  NodeId counterpart(const Node& node, size_t lane) const {
    std::vector<ValueId> wanted = node.inputs;
    ValueId via = kNone;
    for (ValueId& input : wanted) {
      if (input == kNone || graph_.is_constant(input)) continue;
      const auto found = place_.find(input);
      if (found == place_.end() || found->second.lane != 0) return kNone;
      input = via = lanes_[found->second.tuple][lane];
    }
    if (via == kNone) return kNone;
    for (const NodeId reader : graph_.value(via).readers) {
      const Node& other = graph_.node(reader);
      if (other.op == node.op && other.inputs == wanted && !place_.contains(other.outputs[0])) {
        return reader;
      }
    }
    return kNone;
  }

  bool read_outside(const Lanes& lanes) const {
    return std::ranges::any_of(lanes, [&](ValueId value) {
      return graph_.is_output(value) ||
             std::ranges::any_of(graph_.value(value).readers, [&](NodeId reader) {
               return !place_.contains(graph_.node(reader).outputs[0]);
             });
    });
  }

  Graph& graph_;
  size_t lane_count_;
  std::vector<Lanes> lanes_;
  std::map<ValueId, Place> place_;
  std::vector<Step> steps_;
};

/// Convolutions of `first`'s operator and constants on other data of the same type, none of which
/// depends on another.
std::vector<NodeId> siblings(const Graph& graph, NodeId first) {
  const Node& node = graph.node(first);
  std::vector<NodeId> found{first};
  if (node.inputs.size() < 2 || !graph.is_constant(node.inputs[1])) return found;
  for (const NodeId reader : graph.value(node.inputs[1]).readers) {
    const Node& other = graph.node(reader);
    if (reader == first || other.op != node.op || other.inputs.size() != node.inputs.size() ||
        other.inputs[0] == node.inputs[0] ||
        graph.type(other.inputs[0]) != graph.type(node.inputs[0]) ||
        !std::equal(node.inputs.begin() + 1, node.inputs.end(), other.inputs.begin() + 1)) {
      continue;
    }
    const bool apart = std::ranges::none_of(found, [&](NodeId member) {
      return graph.node(member).inputs[0] == other.inputs[0] ||
             dependants(graph, member)[static_cast<size_t>(reader)] ||
             dependants(graph, reader)[static_cast<size_t>(member)];
    });
    if (apart) found.push_back(reader);
  }
  return found;
}

}  // namespace

bool batch_shared_branches(Graph& graph) {
  return rewrite_nodes(graph, [&](NodeId id) {
    const Node& node = graph.node(id);
    if (!is_convolution(node) || graph.is_constant(node.inputs[0])) return false;
    const std::vector<NodeId> members = siblings(graph, id);
    if (members.size() < 2) return false;
    Lanes roots;
    for (const NodeId member : members) roots.push_back(graph.node(member).inputs[0]);
    Batcher batcher(graph, std::move(roots));
    batcher.grow();
    return batcher.apply();
  });
}

}  // namespace tendon
