// Writes Einsum as the matrix product that it is, which every machine has a kernel for.
#include <algorithm>
#include <map>

#include "passes/passes.h"
#include "passes/rewrite.h"

namespace tendon {
namespace {

/// A value whose axes have labels.
struct Operand {
  ValueId value = kNone;
  std::string labels;
};

class Writer {
 public:
  Writer(Graph& graph, const Node& node) : edit_(graph), name_(node.name), node_(node) {}

  bool write(const Einsum& einsum);

 private:
  bool read_sizes(const Einsum::Terms& terms, std::span<const Shape> shapes);
  Operand summed(const Operand& operand, std::string_view kept);
  Operand ordered(const Operand& operand, const std::string& labels);
  Operand product(const Operand& a, const Operand& b, std::string_view output);
  int64_t size_of(std::string_view labels) const {
    int64_t size = 1;
    for (const char label : labels) size *= sizes_.at(label);
    return size;
  }
  Shape shape_of(std::string_view labels) const {
    Shape shape;
    for (const char label : labels) shape.push_back(sizes_.at(label));
    return shape;
  }

  GraphEdit edit_;
  const std::string name_;
  const Node& node_;
  std::map<char, int64_t> sizes_;
};

/// False where a label stands for two sizes, occurs twice in a term or has no elements.
bool Writer::read_sizes(const Einsum::Terms& terms, std::span<const Shape> shapes) {
  for (size_t i = 0; i < shapes.size(); ++i) {
    std::string_view seen = terms.inputs[i];
    for (int axis = 0; axis < shapes[i].rank(); ++axis) {
      const char label = terms.inputs[i][static_cast<size_t>(axis)];
      seen.remove_prefix(1);
      const int64_t size = sizes_.emplace(label, shapes[i][axis]).first->second;
      if (seen.find(label) != seen.npos || size != shapes[i][axis] || size == 0) return false;
    }
  }
  return true;
}

/// Summed over the labels that are not among `kept`.
Operand Writer::summed(const Operand& operand, std::string_view kept) {
  std::vector<int64_t> axes;
  Operand result;
  for (size_t i = 0; i < operand.labels.size(); ++i) {
    if (kept.find(operand.labels[i]) == kept.npos) {
      axes.push_back(static_cast<int64_t>(i));
    } else {
      result.labels += operand.labels[i];
    }
  }
  if (axes.empty()) return operand;
  const ValueId which = edit_.add_constant(int64_tensor(axes), name_ + "/axes");
  result.value = edit_.add_node(Reduce{.kind = ReduceKind::kSum, .keepdims = false},
                                {operand.value, which}, name_ + "/ReduceSum");
  return result;
}

Operand Writer::ordered(const Operand& operand, const std::string& labels) {
  std::vector<int64_t> perm;
  for (const char label : labels) {
    perm.push_back(static_cast<int64_t>(operand.labels.find(label)));
  }
  return {add_transpose(edit_, operand.value, perm, name_ + "/Transpose"), labels};
}

/// [batch, rows, inner] x [batch, inner, columns] -> [batch, rows, columns]
Operand Writer::product(const Operand& a, const Operand& b, std::string_view output) {
  std::string batch;
  std::string rows;
  std::string inner;
  std::string columns;
  for (const char label : a.labels) {
    const bool shared = b.labels.find(label) != std::string::npos;
    const bool stays = output.find(label) != output.npos;
    (shared ? stays ? batch : inner : rows) += label;
  }
  for (const char label : b.labels) {
    if (a.labels.find(label) == std::string::npos) columns += label;
  }
  const int64_t count = size_of(batch);
  const auto matrix = [&](const Operand& operand, const std::string& first,
                          const std::string& second) {
    const ValueId value = ordered(operand, batch + first + second).value;
    return add_reshape(edit_, value, Shape{count, size_of(first), size_of(second)},
                       name_ + "/Reshape");
  };
  const ValueId y =
      edit_.add_node(MatMul{}, {matrix(a, rows, inner), matrix(b, inner, columns)}, name_);
  const std::string labels = batch + rows + columns;
  return {add_reshape(edit_, y, shape_of(labels), name_ + "/Reshape"), labels};
}

bool Writer::write(const Einsum& einsum) {
  std::vector<Shape> shapes;
  for (const ValueId input : node_.inputs) shapes.push_back(edit_.type(input).shape);
  const Einsum::Terms terms = einsum.terms(shapes);
  if (shapes.size() > 2 || !read_sizes(terms, shapes)) return false;
  Operand result = {node_.inputs[0], terms.inputs[0]};
  if (shapes.size() == 2) {
    const Operand other =
        summed({node_.inputs[1], terms.inputs[1]}, terms.inputs[0] + terms.output);
    result = product(summed(result, terms.inputs[1] + terms.output), other, terms.output);
  } else {
    result = summed(result, terms.output);
  }
  const ValueId y = ordered(result, terms.output).value;
  if (y == node_.inputs[0]) return false;
  edit_.replace(node_.outputs[0], y);
  edit_.apply();
  return true;
}

}  // namespace

bool expand_einsum(Graph& graph) {
  return rewrite_nodes(graph, [&](NodeId id) {
    const Node& node = graph.node(id);
    const auto* einsum = std::get_if<Einsum>(&node.op);
    return einsum != nullptr && Writer(graph, node).write(*einsum);
  });
}

}  // namespace tendon
