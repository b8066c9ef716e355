#include "passes/view.h"

#include <algorithm>
#include <numeric>

#include "ops/broadcast.h"

namespace tendon {
View::View(const Shape& base) {
  const auto strides = row_major_strides(base);
  for (int axis = 0; axis < base.rank(); ++axis) {
    axes_.push_back({{base[axis], strides[static_cast<size_t>(axis)]}});
  }
}

std::vector<View::Atom> View::atoms() const {
  std::vector<Atom> merged;
  for (const auto& axis : axes_) {
    for (const Atom& atom : axis) {
      if (atom.size == 1) continue;
      if (!merged.empty() && merged.back().stride == atom.size * atom.stride) {
        merged.back() = {merged.back().size * atom.size, atom.stride};
      } else {
        merged.push_back(atom);
      }
    }
  }
  return merged;
}

bool View::reshape(const Shape& shape) {
  std::vector<Atom> left = atoms();
  std::ranges::reverse(left);
  std::vector<std::vector<Atom>> axes;
  for (const int64_t dim : shape) {
    std::vector<Atom>& axis = axes.emplace_back();
    int64_t open = dim;
    while (open > 1) {
      if (left.empty()) return false;
      Atom& atom = left.back();
      if (open % atom.size == 0) {
        axis.push_back(atom);
        open /= atom.size;
        left.pop_back();
      } else if (atom.size % open == 0) {
        atom.size /= open;
        axis.push_back({open, atom.size * atom.stride});
        open = 1;
      } else {
        return false;
      }
    }
  }
  axes_ = std::move(axes);
  return true;
}

void View::transpose(std::span<const int64_t> perm) {
  std::vector<std::vector<Atom>> axes;
  for (const int64_t axis : perm) axes.push_back(std::move(axes_[static_cast<size_t>(axis)]));
  axes_ = std::move(axes);
}

bool View::is_axis_of_base(int axis, const Shape& base, int base_axis) const {
  const std::vector<Atom>& atoms = axes_[static_cast<size_t>(axis)];
  int64_t size = 1;
  int64_t stride = row_major_strides(base)[static_cast<size_t>(base_axis)];
  for (auto atom = atoms.rbegin(); atom != atoms.rend(); ++atom) {
    if (atom->size == 1) continue;
    if (atom->stride != stride) return false;
    stride *= atom->size;
    size *= atom->size;
  }
  return size == base[base_axis] && size > 1;
}

std::vector<int64_t> View::steps_along(int axis) const {
  std::vector<int64_t> steps{0};
  for (const Atom& atom : axes_[static_cast<size_t>(axis)]) {
    std::vector<int64_t> finer;
    for (const int64_t step : steps) {
      for (int64_t i = 0; i < atom.size; ++i) finer.push_back(step + i * atom.stride);
    }
    steps = std::move(finer);
  }
  return steps;
}

bool View::steps_over_rows(int axis, int64_t columns) const {
  return std::ranges::all_of(axes_[static_cast<size_t>(axis)], [&](const Atom& atom) {
    return atom.size == 1 || atom.stride % columns == 0;
  });
}

std::pair<Shape, std::vector<int64_t>> View::factored() const {
  const std::vector<Atom> ordered = atoms();
  std::vector<size_t> by_stride(ordered.size());
  std::iota(by_stride.begin(), by_stride.end(), size_t{0});
  std::ranges::sort(by_stride, std::greater<>(), [&](size_t i) { return ordered[i].stride; });
  Shape shape;
  std::vector<int64_t> perm(ordered.size());
  for (size_t place = 0; place < by_stride.size(); ++place) {
    shape.push_back(ordered[by_stride[place]].size);
    perm[by_stride[place]] = static_cast<int64_t>(place);
  }
  return {shape, perm};
}

std::optional<int> View::cost(const Shape& base, const Shape& shape) const {
  if (is_dense()) return base == shape ? 0 : 1;
  if (atoms().size() > Shape::kMaxRank) return std::nullopt;
  const auto [factors, perm] = factored();
  return kTransposeCost + (base != factors) + (permuted(factors, perm) != shape);
}

ValueId View::add_to(GraphEdit& edit, ValueId base, const Shape& shape,
                     const std::string& name) const {
  if (is_dense()) return add_reshape(edit, base, shape, name);
  const auto [factors, perm] = factored();
  ValueId value = add_reshape(edit, base, factors, name);
  value = add_transpose(edit, value, perm, name);
  return add_reshape(edit, value, shape, name);
}

bool is_reshape_node(const Node& node) {
  return std::holds_alternative<Reshape>(node.op) || std::holds_alternative<Squeeze>(node.op) ||
         std::holds_alternative<Unsqueeze>(node.op) || std::holds_alternative<Flatten>(node.op);
}

bool is_view_node(const Node& node) {
  return std::holds_alternative<Transpose>(node.op) || is_reshape_node(node);
}

bool makes_planes(const Graph& graph, const Node& node) {
  const auto* transpose = std::get_if<Transpose>(&node.op);
  if (transpose == nullptr) return false;
  const int rank = graph.shape(node.inputs[0]).rank();
  if (rank < 3) return false;
  std::vector<int64_t> perm = transpose->permutation(rank);
  std::rotate(perm.end() - 3, perm.end() - 2, perm.end());
  return std::ranges::is_sorted(perm);
}

bool apply_node(View& view, const Graph& graph, const Node& node) {
  if (const auto* transpose = std::get_if<Transpose>(&node.op)) {
    view.transpose(transpose->permutation(graph.shape(node.inputs[0]).rank()));
    return true;
  }
  return view.reshape(graph.shape(node.outputs[0]));
}

ViewOf view_of(const Graph& graph, ValueId id) {
  ViewOf best{id, View(graph.shape(id)), {}};
  if (graph.shape(id).element_count() == 0) return best;
  std::vector<NodeId> chain;
  for (ValueId base = id;;) {
    const NodeId producer = graph.value(base).producer;
    if (producer == kNone || !is_view_node(graph.node(producer))) return best;
    chain.push_back(producer);
    base = graph.node(producer).inputs[0];
    View view(graph.shape(base));
    const bool expressible = std::all_of(chain.rbegin(), chain.rend(), [&](NodeId node) {
      return apply_node(view, graph, graph.node(node));
    });
    if (!expressible) return best;
    best = {base, std::move(view), chain};
  }
}

}  // namespace tendon
