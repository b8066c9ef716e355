#include "passes/row_product.h"

#include <algorithm>

namespace tendon {
namespace {

Tensor transposed(const Tensor& matrix) {
  return Transpose{.perm = {1, 0}}.reference({&matrix, 1})[0];
}

/// Of a convolution whose windows are one pixel; `bias` is an input's index.
template <class T>
std::optional<RowProduct> pixelwise_at(const Graph& graph, const Node& node, size_t bias) {
  const auto* op = std::get_if<T>(&node.op);
  if (op == nullptr || !op->channels_last || op->group != 1 ||
      op->activation != Activation::kNone || input_of(node, bias + 1) != kNone ||
      !graph.is_constant(node.inputs[1])) {
    return std::nullopt;
  }
  const Shape& weight = graph.shape(node.inputs[1]);
  const Shape& x = graph.shape(node.inputs[0]);
  const Shape& y = graph.shape(node.outputs[0]);
  const auto is_one = [](int64_t value) { return value == 1; };
  const size_t outer = static_cast<size_t>(x.rank() - 1);
  // Without a stride and a border there are as many pixels before as after.
  if (!std::ranges::all_of(weight.dims().subspan(2), is_one) ||
      !std::ranges::all_of(op->strides, is_one) ||
      !std::ranges::equal(x.dims().first(outer), y.dims().first(outer))) {
    return std::nullopt;
  }
  const Tensor rows = in_doubles(graph, node.inputs[1]).reshaped({weight[0], weight[1]});
  return RowProduct{node.inputs[0], transposed(rows), input_of(node, bias)};
}

}  // namespace

Tensor in_doubles(const Graph& graph, ValueId constant) {
  return cast(*graph.value(constant).constant, DataType::kFloat64);
}

Tensor scaled_columns(Tensor matrix, std::span<const double> factors) {
  const auto values = matrix.mutable_data<double>();
  for (size_t i = 0; i < values.size(); ++i) values[i] *= factors[i % factors.size()];
  return matrix;
}

std::optional<RowProduct> matmul_rows(const Graph& graph, const Node& node) {
  const ValueId weight = input_of(node, 1);
  if (const auto* op = std::get_if<FusedMatMul>(&node.op)) {
    if (op->activation != Activation::kNone || input_of(node, 3) != kNone ||
        !graph.is_constant(weight) || graph.shape(weight).rank() != 2) {
      return std::nullopt;
    }
    const std::vector<double> alpha(1, static_cast<double>(op->alpha));
    const Tensor stored = in_doubles(graph, weight);
    return RowProduct{node.inputs[0],
                      scaled_columns(op->trans_b ? transposed(stored) : stored, alpha),
                      input_of(node, 2)};
  }
  const auto* op = std::get_if<QuantizedMatMul>(&node.op);
  if (op == nullptr || op->activation != Activation::kNone || input_of(node, 4) != kNone ||
      op->y_dtype != DataType::kFloat32 || !graph.is_constant(weight) ||
      !graph.is_constant(node.inputs[2])) {
    return std::nullopt;
  }
  const Tensor stored = in_doubles(graph, weight);
  std::vector<double> scales = to_doubles(*graph.value(node.inputs[2]).constant);
  Tensor factors = scaled_columns(op->trans_b ? transposed(stored) : stored, scales);
  return RowProduct{node.inputs[0], std::move(factors), input_of(node, 3), std::move(scales)};
}

std::optional<RowProduct> row_product(const Graph& graph, const Node& node) {
  if (auto found = matmul_rows(graph, node)) return found;
  if (auto found = pixelwise_at<FusedConv>(graph, node, 2)) return found;
  const auto* codes = std::get_if<QuantizedConv>(&node.op);
  if (codes == nullptr || codes->y_dtype != DataType::kFloat32 ||
      !graph.is_constant(node.inputs[2])) {
    return std::nullopt;
  }
  auto found = pixelwise_at<QuantizedConv>(graph, node, 3);
  if (!found) return std::nullopt;
  found->scales = to_doubles(*graph.value(node.inputs[2]).constant);
  found->weight = scaled_columns(std::move(found->weight), found->scales);
  return found;
}

}  // namespace tendon
