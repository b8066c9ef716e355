// Lets the tokens of a transformer stay in the order that they are made in: its encoder treats them
// alike, and its decoder sums over them.
#include <algorithm>
#include <map>
#include <numeric>
#include <tuple>

#include "ops/activation.h"
#include "passes/passes.h"
#include "passes/view.h"

namespace tendon {
namespace {

/// Where the rows of a value along `axis` are found in the value that will stand for it.
struct RowOrder {
  int axis = 0;
  std::vector<int64_t> from;
  bool operator==(const RowOrder&) const = default;
};

/// Follows the rows of one value to where their order does not matter any more.
class Reordering {
 public:
  Reordering(const Graph& graph, ValueId start, RowOrder order) : graph_(graph) {
    orders_[start] = std::move(order);
  }

  /// Whether the order of the rows changes no output.
  bool ends(std::span<const NodeId> topological_order) {
    for (const NodeId id : topological_order) {
      const Node& node = graph_.node(id);
      if (!node.alive || std::ranges::none_of(node.inputs, [&](ValueId input) {
            return order_of(input) != nullptr;
          })) {
        continue;
      }
      node_ = id;
      if (!follow(node)) return false;
    }
    return std::ranges::none_of(orders_,
                                [&](const auto& entry) { return graph_.is_output(entry.first); });
  }

  /// Gives constants beside the rows the rows' new order.
  void turn_constants(GraphEdit& edit) const {
    std::map<std::tuple<ValueId, int, std::vector<int64_t>>, ValueId> turned;
    for (const auto& [place, order] : constants_) {
      const ValueId id = graph_.node(place.first).inputs[place.second];
      const auto [entry, added] = turned.try_emplace({id, order.axis, order.from}, kNone);
      if (added) entry->second = edit.add_constant(in_order(id, order), graph_.value(id).name);
      edit.set_input(place.first, place.second, entry->second);
    }
  }

 private:
  const RowOrder* order_of(ValueId id) const {
    const auto found = id == kNone ? orders_.end() : orders_.find(id);
    return found == orders_.end() ? nullptr : &found->second;
  }

  Tensor in_order(ValueId id, const RowOrder& order) const {
    Tensor rows(DataType::kInt64, {static_cast<int64_t>(order.from.size())});
    for (size_t i = 0; i < order.from.size(); ++i) {
      rows.mutable_data<int64_t>()[static_cast<size_t>(order.from[i])] = static_cast<int64_t>(i);
    }
    const Tensor inputs[] = {*graph_.value(id).constant, rows};
    return Gather{.axis = order.axis}.reference(inputs)[0];
  }

  bool give(ValueId output, RowOrder order) {
    orders_[output] = std::move(order);
    return true;
  }

  bool follow(const Node& node) {
    if (is_view_node(node)) return follow_view(node);
    if (const auto* concat = std::get_if<Concat>(&node.op)) return follow_concat(node, *concat);
    if (const auto* attention = std::get_if<Attention>(&node.op)) {
      return follow_attention(node, *attention);
    }
    if (std::holds_alternative<Binary>(node.op)) return follow_rows(node, {0, 1});
    if (std::holds_alternative<Unary>(node.op) || std::holds_alternative<Cast>(node.op)) {
      return follow_rows(node, {0});
    }
    if (const auto* op = std::get_if<QuantizeLinear>(&node.op)) return follow_codes(node, op->axis);
    if (const auto* op = std::get_if<DequantizeLinear>(&node.op)) {
      return follow_codes(node, op->axis);
    }
    if (const auto* op = std::get_if<LayerNormalization>(&node.op)) {
      return follow_normalization(node, {0}, op->axis);
    }
    if (const auto* op = std::get_if<AddLayerNormalization>(&node.op)) {
      return follow_normalization(node, {0, 1}, op->axis);
    }
    if (std::holds_alternative<FusedMatMul>(node.op)) return follow_product(node);
    return false;
  }

  /// Operators that make each row of output 0 from that row of the inputs named, which broadcast;
  /// the others have no rows.
  bool follow_rows(const Node& node, std::initializer_list<size_t> with_rows) {
    const int rank = graph_.shape(node.outputs[0]).rank();
    const auto places_before = [&](ValueId id) { return rank - graph_.shape(id).rank(); };
    RowOrder result;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const RowOrder* order = order_of(node.inputs[i]);
      if (order == nullptr) continue;
      if (std::ranges::find(with_rows, i) == with_rows.end()) return false;
      result = {order->axis + places_before(node.inputs[i]), order->from};
    }
    const auto count = static_cast<int64_t>(result.from.size());
    if (graph_.shape(node.outputs[0])[result.axis] != count) return false;
    for (const size_t i : with_rows) {
      const ValueId input = input_of(node, i);
      if (input == kNone) continue;
      const int axis = result.axis - places_before(input);
      if (axis < 0 || graph_.shape(input)[axis] == 1) continue;
      const RowOrder wanted{axis, result.from};
      if (graph_.is_constant(input)) {
        constants_[{node_, i}] = wanted;
      } else if (const RowOrder* order = order_of(input); order == nullptr || *order != wanted) {
        return false;
      }
    }
    return give(node.outputs[0], std::move(result));
  }

  bool follow_codes(const Node& node, int64_t axis) {
    const RowOrder* order = order_of(node.inputs[0]);
    if (order == nullptr) return false;
    const bool by_row = graph_.shape(node.inputs[1]).element_count() > 1 &&
                        normalize_axis(axis, graph_.shape(node.inputs[0]).rank()) == order->axis;
    return !by_row && follow_rows(node, {0});
  }

  bool follow_normalization(const Node& node, std::initializer_list<size_t> with_rows,
                            int64_t axis) {
    const RowOrder* order = order_of(node.inputs[0]);
    return order != nullptr &&
           order->axis < normalize_axis(axis, graph_.shape(node.inputs[0]).rank()) &&
           follow_rows(node, with_rows);
  }

  bool follow_product(const Node& node) {
    const RowOrder* order = order_of(node.inputs[0]);
    const int rank = graph_.shape(node.inputs[0]).rank();
    return order != nullptr && order->axis < rank - 1 && graph_.shape(node.inputs[1]).rank() == 2 &&
           follow_rows(node, {0, 2, 3});
  }

  /// Queries are rows; keys and values are summed over, in any order that both have.
  bool follow_attention(const Node& node, const Attention& attention) {
    const int axis = attention.sequence_first ? 0 : 1;
    const auto fits = [&](const RowOrder* order) {
      return order == nullptr || order->axis == axis;
    };
    const RowOrder *q = order_of(node.inputs[0]), *k = order_of(node.inputs[1]),
                   *v = order_of(node.inputs[2]);
    const bool same = (k == nullptr) == (v == nullptr) && (k == nullptr || *k == *v);
    if (!same || !fits(q) || !fits(k)) return false;
    return q == nullptr || give(node.outputs[0], *q);
  }

  bool follow_concat(const Node& node, const Concat& concat) {
    RowOrder result{normalize_axis(concat.axis, graph_.shape(node.outputs[0]).rank()), {}};
    for (const ValueId input : node.inputs) {
      const RowOrder* order = order_of(input);
      if (order != nullptr && order->axis != result.axis) return false;
      const auto offset = static_cast<int64_t>(result.from.size());
      for (int64_t i = 0; i < graph_.shape(input)[result.axis]; ++i) {
        result.from.push_back(offset +
                              (order == nullptr ? i : order->from[static_cast<size_t>(i)]));
      }
    }
    return give(node.outputs[0], std::move(result));
  }

  bool follow_view(const Node& node) {
    const RowOrder* order = order_of(node.inputs[0]);
    if (order == nullptr) return false;
    const Shape &before = graph_.shape(node.inputs[0]), &after = graph_.shape(node.outputs[0]);
    View view(before);
    if (!apply_node(view, graph_, node)) return false;
    for (int axis = 0; axis < after.rank(); ++axis) {
      if (view.is_axis_of_base(axis, before, order->axis)) {
        return give(node.outputs[0], {axis, order->from});
      }
    }
    return false;
  }

  const Graph& graph_;
  NodeId node_ = kNone;
  std::map<ValueId, RowOrder> orders_;
  std::map<std::pair<NodeId, size_t>, RowOrder> constants_;
};

/// The rows of what `view` makes of `base`, if they are the base's rows in another order along the
/// one axis that is not of size 1 beside the columns'.
std::optional<RowOrder> rows_of(const ViewOf& view, const Shape& base, const Shape& shape) {
  const int rank = shape.rank();
  if (view.view.is_dense() || rank < 2 || base.rank() < 2) return std::nullopt;
  if (!view.view.is_axis_of_base(rank - 1, base, base.rank() - 1)) return std::nullopt;
  const auto rows =
      std::count_if(shape.begin(), shape.end() - 1, [](int64_t dim) { return dim != 1; });
  if (rows != 1) return std::nullopt;
  const auto axis = std::find_if(shape.begin(), shape.end(), [](int64_t dim) { return dim != 1; });
  RowOrder order{static_cast<int>(axis - shape.begin()), {}};
  order.from = view.view.steps_along(order.axis);
  for (int64_t& element : order.from) element /= base.back();
  return order;
}

}  // namespace

bool order_tokens(Graph& graph) {
  return rewrite_nodes(graph, [&](NodeId id) {
    const Node node = graph.node(id);
    // What lies behind further views is found from there.
    if (!is_view_node(node)) return false;
    const ValueId rows = node.outputs[0];
    const ViewOf view = view_of(graph, rows);
    const auto order = rows_of(view, graph.shape(view.base), graph.shape(rows));
    if (!order) return false;
    Reordering reordering(graph, rows, *order);
    if (!reordering.ends(graph.topological_order())) return false;
    GraphEdit edit(graph);
    reordering.turn_constants(edit);
    edit.replace(rows, add_reshape(edit, view.base, graph.shape(rows), node.name));
    edit.apply();
    return true;
  });
}

}  // namespace tendon
