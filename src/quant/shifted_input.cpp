#include "quant/shifted_input.h"

#include <algorithm>

#include "ops/broadcast.h"
#include "passes/view.h"

namespace tendon {
namespace {

/// What `id` has the elements of, in the same order.
ValueId in_order(const Graph& graph, ValueId id) {
  const ViewOf view = view_of(graph, id);
  return view.view.is_dense() ? view.base : id;
}

}  // namespace

std::optional<ShiftedInput> shifted_input(const Graph& graph, ValueId id, const AxisSplit& split) {
  const ValueId difference = in_order(graph, id);
  const auto* binary = graph.producer_op<Binary>(difference);
  if (binary == nullptr || binary->kind != BinaryKind::kSub) return std::nullopt;
  const std::vector<ValueId>& operands = graph.producer(difference)->inputs;
  const ValueId input = in_order(graph, operands[0]);
  const Shape& shape = graph.shape(difference);
  if (!graph.is_input(input) || !graph.is_constant(operands[1]) ||
      graph.type(difference).dtype != DataType::kFloat32 || graph.shape(operands[0]) != shape) {
    return std::nullopt;
  }
  const Tensor& constant = *graph.value(operands[1]).constant;
  const Tensor all = copy_strided(constant, shape, broadcast_strides(constant.shape(), shape));
  ShiftedInput shifted{graph.value(input).name, {}, split.inner};
  for (auto left = all.data<float>(); !left.empty();) {
    const auto plane = left.first(static_cast<size_t>(split.inner));
    if (std::ranges::count(plane, plane[0]) != split.inner) return std::nullopt;
    shifted.offsets.push_back(plane[0]);
    left = left.subspan(plane.size());
  }
  return shifted;
}

}  // namespace tendon
