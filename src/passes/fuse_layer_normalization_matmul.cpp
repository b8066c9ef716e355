// Puts the LayerNormalizations before a product with few columns into it.
#include <algorithm>

#include "base/data_type.h"
#include "passes/passes.h"
#include "passes/rewrite.h"
#include "passes/view.h"

namespace tendon {
namespace {

/// Each warp of the kernel normalises the row of its columns, beyond these sizes more than is
/// saved.
constexpr int64_t kMostColumns = 64;
constexpr int64_t kMostElements = 65536;

/// A LayerNormalization over the last axis alone that makes the rows of `id`, which may be grouped
/// otherwise behind it, if one node reads them.
const Node* norm_before(const Graph& graph, ValueId id) {
  const Node* node = graph.producer(id);
  if (node == nullptr || sole_reader(graph, id) == kNone) return nullptr;
  if (is_reshape_node(*node)) {
    const Shape& shape = graph.shape(node->inputs[0]);
    const bool keeps_rows = shape.rank() > 0 && shape.back() == graph.shape(id).back();
    return keeps_rows ? norm_before(graph, node->inputs[0]) : nullptr;
  }
  const auto* norm = std::get_if<LayerNormalization>(&node->op);
  const int rank = graph.shape(id).rank();
  const bool found =
      norm != nullptr && node->outputs.size() == 1 && normalize_axis(norm->axis, rank) == rank - 1;
  return found ? node : nullptr;
}

/// As fold-layer-normalization leaves one.
bool only_divides(const Graph& graph, const Node& norm) {
  if (!graph.is_constant(norm.inputs[1]) || input_of(norm, 2) != kNone) return false;
  const auto scale = to_doubles(*graph.value(norm.inputs[1]).constant);
  return std::ranges::all_of(scale, [](double factor) { return factor == 1; });
}

bool is_row_or_missing(const Graph& graph, ValueId id, int64_t width) {
  return id == kNone || (graph.is_constant(id) && graph.shape(id) == Shape{width});
}

bool has_constant_rows(const Graph& graph, const Node& norm) {
  const int64_t width = graph.shape(norm.outputs[0]).back();
  return is_row_or_missing(graph, norm.inputs[1], width) &&
         is_row_or_missing(graph, input_of(norm, 2), width);
}

bool takes(const Graph& graph, const Node& product) {
  const auto* op = std::get_if<FusedMatMul>(&product.op);
  if (op == nullptr || *op != FusedMatMul{} || input_of(product, 3) != kNone) return false;
  const ValueId weight = product.inputs[1];
  const TensorType& y = graph.type(product.outputs[0]);
  if (y.dtype != DataType::kFloat32 || !graph.is_constant(weight) ||
      graph.shape(weight).rank() != 2) {
    return false;
  }
  const int64_t width = graph.shape(weight)[0];
  return width > 0 && width <= LayerNormalizationMatMul::kMostWidth &&
         width % LayerNormalizationMatMul::kWidthStep == 0 && y.shape.back() <= kMostColumns &&
         y.shape.element_count() <= kMostElements &&
         is_row_or_missing(graph, input_of(product, 2), y.shape.back());
}

}  // namespace

bool fuse_layer_normalization_matmul(Graph& graph) {
  return rewrite_nodes(graph, [&](NodeId id) {
    const Node product = graph.node(id);
    if (!takes(graph, product)) return false;
    const Node* const norm = norm_before(graph, product.inputs[0]);
    if (norm == nullptr || !only_divides(graph, *norm)) return false;
    LayerNormalizationMatMul op;
    op.epsilon = std::get<LayerNormalization>(norm->op).epsilon;
    std::vector<ValueId> inputs{norm->inputs[0], product.inputs[1], input_of(product, 2)};
    const Node* const first = norm_before(graph, norm->inputs[0]);
    if (first != nullptr && has_constant_rows(graph, *first)) {
      op.first_epsilon = std::get<LayerNormalization>(first->op).epsilon;
      inputs[0] = first->inputs[0];
      inputs.insert(inputs.end(), first->inputs.begin() + 1, first->inputs.end());
    }
    while (inputs.back() == kNone) inputs.pop_back();
    GraphEdit edit(graph);
    inputs[0] =
        add_reshape(edit, inputs[0], graph.shape(product.inputs[0]), product.name + ".rows");
    edit.replace(product.outputs[0], edit.add_node(op, std::move(inputs), product.name));
    edit.apply();
    return true;
  });
}

}  // namespace tendon
