// Recognises attention: two products around a Softmax, wherever scale and head axes are put.
#include <algorithm>
#include <array>
#include <functional>

#include "passes/passes.h"
#include "passes/view.h"

namespace tendon {
namespace {

/// x where `id` is x times or divided by a scalar; `scale` takes the factor. Else kNone.
ValueId without_scale(const Graph& graph, ValueId id, double& scale) {
  const auto* binary = graph.producer_op<Binary>(id);
  if (binary == nullptr) return kNone;
  const std::vector<ValueId>& inputs = graph.producer(id)->inputs;
  for (const size_t constant : {size_t{1}, size_t{0}}) {
    const auto scalar = constant_scalar(graph, inputs[constant]);
    const ValueId x = inputs[1 - constant];
    if (!scalar || graph.type(x) != graph.type(id)) continue;
    if (binary->kind == BinaryKind::kMul) {
      scale *= *scalar;
      return x;
    }
    if (binary->kind == BinaryKind::kDiv && constant == 1) {
      scale /= *scalar;
      return x;
    }
  }
  return kNone;
}

/// A factor of a product as a view of a tensor that is as near to its projection as views reach,
/// with the scalars on the way taken out.
struct Operand {
  ValueId id;
  ValueId base;
  View view;
};

Operand operand_of(const Graph& graph, ValueId id, double& scale) {
  ViewOf found = view_of(graph, id);
  for (;;) {
    const ValueId above = without_scale(graph, found.base, scale);
    if (above == kNone) return {id, found.base, found.view};
    const ViewOf further = view_of(graph, above);
    std::vector<NodeId> nodes = found.nodes;
    nodes.insert(nodes.end(), further.nodes.begin(), further.nodes.end());
    View view(graph.shape(further.base));
    const bool expressible = std::all_of(nodes.rbegin(), nodes.rend(), [&](NodeId node) {
      return apply_node(view, graph, graph.node(node));
    });
    if (expressible) {
      found = {further.base, std::move(view), std::move(nodes)};
    } else {
      found.base = above;
    }
  }
}

/// How the projections are laid out; `heads` may count the batch as well where memory cannot tell.
struct Layout {
  int64_t batch = 1;
  int64_t heads = 1;
  bool sequence_first = false;

  /// A projection [tokens, batch, heads, width] or [batch, tokens, heads, width].
  Shape split(int64_t tokens, int64_t width) const {
    return sequence_first ? Shape{tokens, batch, heads, width} : Shape{batch, tokens, heads, width};
  }
  Shape joined(int64_t tokens, int64_t width) const {
    return sequence_first ? Shape{tokens, batch, heads * width}
                          : Shape{batch, tokens, heads * width};
  }
  /// From split() to [batch, heads, tokens, width] and back.
  std::vector<int64_t> heads_out() const {
    return sequence_first ? std::vector<int64_t>{1, 2, 0, 3} : std::vector<int64_t>{0, 2, 1, 3};
  }
  std::vector<int64_t> heads_in() const {
    return sequence_first ? std::vector<int64_t>{2, 0, 1, 3} : std::vector<int64_t>{0, 2, 1, 3};
  }
};

struct Match {
  Operand q, k, v;  // q, v as [N, T, d], k as [N, d, T]
  double scale = 1;
  int64_t pairs = 1;  // N, batch times heads
  int64_t queries = 1;
  int64_t keys = 1;
  int64_t width = 1;
};

bool same_lead(const Shape& a, const Shape& b) {
  return a.rank() == b.rank() && std::equal(a.begin(), a.end() - 2, b.begin());
}

std::optional<Match> match(const Graph& graph, const Node& product) {
  if (!std::holds_alternative<MatMul>(product.op)) return std::nullopt;
  const auto* softmax = graph.producer_op<Softmax>(product.inputs[0]);
  const Shape& weights = graph.shape(product.inputs[0]);
  if (softmax == nullptr || sole_reader(graph, product.inputs[0]) == kNone || weights.rank() < 3 ||
      normalize_axis(softmax->axis, weights.rank()) != weights.rank() - 1) {
    return std::nullopt;
  }
  double scale = 1;
  ValueId logits = graph.producer(product.inputs[0])->inputs[0];
  for (ValueId above = logits; above != kNone; above = without_scale(graph, logits, scale)) {
    if (sole_reader(graph, above) == kNone) return std::nullopt;
    logits = above;
  }
  if (graph.producer_op<MatMul>(logits) == nullptr) return std::nullopt;
  const std::vector<ValueId>& inputs = graph.producer(logits)->inputs;
  const Shape& q = graph.shape(inputs[0]);
  const Shape& k = graph.shape(inputs[1]);
  const Shape& v = graph.shape(product.inputs[1]);
  const bool fits = q.rank() == weights.rank() && same_lead(q, k) && same_lead(q, v) &&
                    v.back() == q.back() && q.element_count() > 0 && k.element_count() > 0;
  if (!fits) return std::nullopt;
  double ignored = 1;
  Match found{operand_of(graph, inputs[0], scale), operand_of(graph, inputs[1], scale),
              operand_of(graph, product.inputs[1], ignored)};
  if (ignored != 1) {
    const ViewOf unscaled = view_of(graph, product.inputs[1]);
    found.v = {product.inputs[1], unscaled.base, unscaled.view};
  }
  found.scale = scale;
  found.queries = q[q.rank() - 2];
  found.keys = k.back();
  found.width = q.back();
  found.pairs = q.element_count() / (found.queries * found.width);
  return found;
}

/// k is used transposed: its last two axes are swapped.
View target(const Layout& layout, int64_t tokens, int64_t width, bool swapped) {
  std::vector<int64_t> perm = layout.heads_out();
  if (swapped) std::swap(perm[2], perm[3]);
  View view(layout.split(tokens, width));
  view.transpose(perm);
  return view;
}

struct Role {
  const Operand& operand;
  int64_t tokens;
  bool swapped;
};

std::array<Role, 3> roles(const Match& match) {
  return {Role{match.q, match.queries, false}, Role{match.k, match.keys, true},
          Role{match.v, match.keys, false}};
}

bool stands_as(const Role& role, const Layout& layout, int64_t width) {
  return target(layout, role.tokens, width, role.swapped).same_order(role.operand.view);
}

bool keeps_rows(const Graph& graph, const Node& node) {
  if (std::holds_alternative<QuantizeLinear>(node.op)) return true;
  if (std::holds_alternative<DequantizeLinear>(node.op)) return true;
  return std::holds_alternative<Reshape>(node.op) &&
         graph.shape(node.inputs[0]).back() == graph.shape(node.outputs[0]).back();
}

/// The shape of the rows that the product behind a projection reads, before anything that only
/// regroups or quantizes them; empty where there is no such product.
Shape rows_behind(const Graph& graph, ValueId projection) {
  const Node* node = graph.producer(projection);
  if (node != nullptr && std::holds_alternative<Binary>(node->op)) {
    node = graph.producer(node->inputs[graph.is_constant(node->inputs[0]) ? 1 : 0]);
  }
  if (node == nullptr ||
      !(std::holds_alternative<MatMul>(node->op) || std::holds_alternative<Gemm>(node->op))) {
    return {};
  }
  ValueId rows = node->inputs[0];
  for (node = graph.producer(rows); node != nullptr && keeps_rows(graph, *node);
       node = graph.producer(rows)) {
    rows = node->inputs[0];
  }
  return graph.shape(rows);
}

/// How well a layout suits: by operands that are projections as they stand, then by those that have
/// the projection's shape, then by those whose product reads rows in that order.
int score(const Graph& graph, const Match& match, const Layout& layout) {
  int points = 0;
  for (const Role& role : roles(match)) {
    const ValueId base = role.operand.base;
    if (graph.is_constant(base) || !stands_as(role, layout, match.width)) continue;
    const Shape joined = layout.joined(role.tokens, match.width);
    points += graph.shape(base) == joined ? 10 : 8;
    const Shape rows = rows_behind(graph, base);
    points += rows.rank() == 3 && rows[0] == joined[0] && rows[1] == joined[1];
  }
  return points;
}

/// With one head for each pair of batch and head there always is a layout.
Layout best_layout(const Graph& graph, const Match& match) {
  Layout best{match.pairs, 1, false};
  int most = 0;
  for (int64_t batch = 1; batch <= match.pairs; ++batch) {
    if (match.pairs % batch != 0) continue;
    for (const bool sequence_first : {true, false}) {
      const Layout layout{batch, match.pairs / batch, sequence_first};
      const int points = score(graph, match, layout);
      if (points > most) {
        best = layout;
        most = points;
      }
    }
  }
  return best;
}

/// The operand as Attention wants it: as it stands, or rearranged.
ValueId add_projection(GraphEdit& edit, const Graph& graph, const Layout& layout, int64_t width,
                       const Role& role, const std::string& name) {
  const Operand& operand = role.operand;
  const Shape joined = layout.joined(role.tokens, width);
  if (stands_as(role, layout, width)) {
    return add_reshape(edit, operand.base, joined, name);
  }
  // The unscaled operand under the operand's own shape, then the head axes moved back in.
  const Shape& shape = graph.shape(operand.id);
  ValueId value = operand.view.add_to(edit, operand.base, shape, name);
  const int64_t rows = shape[shape.rank() - 2];
  value = add_reshape(edit, value, {layout.batch, layout.heads, rows, shape.back()}, name);
  std::vector<int64_t> perm = layout.heads_in();
  if (role.swapped) {
    for (int64_t& axis : perm) axis = axis == 2 ? 3 : axis == 3 ? 2 : axis;
  }
  return add_reshape(edit, add_transpose(edit, value, perm, name), joined, name);
}

}  // namespace

bool fuse_attention(Graph& graph) {
  return rewrite_nodes(graph, [&](NodeId id) {
    const auto found = match(graph, graph.node(id));
    if (!found) return false;
    const auto all = roles(*found);
    for (const Role& role : all) {
      if (!role.operand.view.cost(graph.shape(role.operand.base), graph.shape(role.operand.id))) {
        return false;
      }
    }
    const Layout layout = best_layout(graph, *found);
    const ValueId output = graph.node(id).outputs[0];
    const std::string name = graph.node(id).name;
    GraphEdit edit(graph);
    std::vector<ValueId> inputs;
    for (const Role& role : all) {
      inputs.push_back(add_projection(edit, graph, layout, found->width, role, name));
    }
    Attention attention;
    attention.num_heads = layout.heads;
    attention.scale = static_cast<float>(found->scale);
    attention.sequence_first = layout.sequence_first;
    ValueId value = edit.add_node(attention, std::move(inputs), name);
    value = add_reshape(edit, value, layout.split(found->queries, found->width), name);
    value = add_transpose(edit, value, layout.heads_out(), name);
    edit.replace(output, add_reshape(edit, value, graph.shape(output), name));
    edit.apply();
    return true;
  });
}

}  // namespace tendon
