// View: how a chain of Reshape- and Transpose-like nodes rearranges a tensor.
#pragma once

#include <optional>
#include <vector>

#include "passes/rewrite.h"

namespace tendon {

/// A tensor whose elements are those of a dense base tensor in another order. Every axis is a list
/// of atoms, outermost first; an atom steps through the base. No axis may have size 0.
class View {
 public:
  explicit View(const Shape& base);

  /// The same elements under another shape. False, without a change, where an axis of `shape` would
  /// cut across axes that were reordered, so that no view expresses it.
  bool reshape(const Shape& shape);
  void transpose(std::span<const int64_t> perm);

  /// Whether the elements are in the base's order.
  bool is_dense() const { return atoms().size() <= 1; }
  /// Whether both make the same order of the same base elements, whatever their shapes.
  bool same_order(const View& other) const { return atoms() == other.atoms(); }

  /// Whether the view's `axis` is exactly the base's axis `base_axis`, `base` being its shape.
  bool is_axis_of_base(int axis, const Shape& base, int base_axis) const;
  /// Where the elements along `axis` lie in the base, the other axes being at 0.
  std::vector<int64_t> steps_along(int axis) const;
  /// Whether steps along `axis` leave the column alone, the base being rows of `columns` elements.
  bool steps_over_rows(int axis, int64_t columns) const;

  /// Adds at most Reshape, Transpose and Reshape that make this view of `base` with shape `shape`.
  ValueId add_to(GraphEdit& edit, ValueId base, const Shape& shape, const std::string& name) const;
  /// How many of the three add_to() would add, a Transpose counting kTransposeCost. Nothing when it
  /// takes more axes than a tensor can have.
  std::optional<int> cost(const Shape& base, const Shape& shape) const;
  static constexpr int kTransposeCost = 4;

 private:
  struct Atom {
    int64_t size;
    int64_t stride;
    bool operator==(const Atom&) const = default;
  };
  /// All atoms in order, neighbours merged where they continue each other, sizes of 1 left out.
  std::vector<Atom> atoms() const;
  /// The base's shape by atoms, and the order in which the view has them.
  std::pair<Shape, std::vector<int64_t>> factored() const;

  std::vector<std::vector<Atom>> axes_;
};

/// Whether the node only gives its first input another shape: Reshape, Squeeze, Unsqueeze, Flatten.
bool is_reshape_node(const Node& node);
/// Whether it is such a node or a Transpose.
bool is_view_node(const Node& node);
/// Whether it is a Transpose from [..., H, W, C] to [..., C, H, W].
bool makes_planes(const Graph& graph, const Node& node);
/// Applies the node to the view of its input. False as View::reshape says.
bool apply_node(View& view, const Graph& graph, const Node& node);
/// The furthest value that `id` is a view of, and the view; `id` itself with the identity where its
/// producer is no view node.
struct ViewOf {
  ValueId base;
  View view;
  /// Nodes between the two.
  std::vector<NodeId> nodes;
};
ViewOf view_of(const Graph& graph, ValueId id);

}  // namespace tendon
