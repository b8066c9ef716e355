// Moves QuantizeLinear up and DequantizeLinear down through what only moves elements, so that they
// meet the operators they belong to and 8-bit elements are moved instead of floats.
#include "passes/passes.h"
#include "passes/quantized.h"

namespace tendon {
namespace {

std::vector<ValueId> with_input(std::vector<ValueId> inputs, ValueId first) {
  inputs[0] = first;
  return inputs;
}

/// a, b -> Concat -> Q   ->   a -> Q, b -> Q -> Concat
bool move_above_concat(Graph& graph, NodeId id) {
  if (!quantizer(graph, id)) return false;
  const Node quantize = graph.node(id);
  const Node* joined = graph.producer(quantize.inputs[0]);
  if (joined == nullptr || !std::holds_alternative<Concat>(joined->op) ||
      !sole_quantizer(graph, joined->outputs[0])) {
    return false;
  }
  const Node concat = *joined;
  GraphEdit edit(graph);
  std::vector<ValueId> codes;
  for (const ValueId input : concat.inputs) {
    codes.push_back(edit.add_node(quantize.op, with_input(quantize.inputs, input), quantize.name));
  }
  edit.replace(quantize.outputs[0], edit.add_node(concat.op, std::move(codes), concat.name));
  edit.apply();
  return true;
}

/// x -> Move -> Q   ->   x -> Q -> Move
bool move_up(Graph& graph, NodeId id) {
  if (!quantizer(graph, id)) return false;
  const Node quantize = graph.node(id);
  const Node* move = graph.producer(quantize.inputs[0]);
  if (move == nullptr || !commutes_with_quantizing(*move) ||
      !sole_quantizer(graph, move->outputs[0])) {
    return false;
  }
  const Node moved = *move;
  GraphEdit edit(graph);
  const ValueId codes =
      edit.add_node(quantize.op, with_input(quantize.inputs, moved.inputs[0]), quantize.name);
  edit.replace(quantize.outputs[0],
               edit.add_node(moved.op, with_input(moved.inputs, codes), moved.name));
  edit.apply();
  return true;
}

/// DQ -> Move -> y   ->   Move -> DQ -> y
bool move_down(Graph& graph, NodeId id) {
  const Node move = graph.node(id);
  if (!commutes_with_quantizing(move)) return false;
  const auto source = dequantized(graph, move.inputs[0]);
  if (!source || !source->by_tensor() || graph.is_constant(source->codes)) return false;
  const Node dequantize = *graph.producer(move.inputs[0]);
  GraphEdit edit(graph);
  const ValueId codes = edit.add_node(move.op, with_input(move.inputs, source->codes), move.name);
  edit.replace(move.outputs[0],
               edit.add_node(dequantize.op, with_input(dequantize.inputs, codes), dequantize.name));
  edit.apply();
  return true;
}

/// codes -> DQ(s) -> Q(s) -> y   ->   codes = y
bool cancel(Graph& graph, NodeId id) {
  const auto again = quantizer(graph, id);
  if (!again) return false;
  const Node quantize = graph.node(id);
  const auto source = dequantized(graph, quantize.inputs[0]);
  if (!source || !source->by_tensor() || source->scales.front() != again->scale ||
      graph.type(source->codes).dtype != again->type ||
      !can_replace(graph, quantize.outputs[0], source->codes)) {
    return false;
  }
  GraphEdit edit(graph);
  edit.replace(quantize.outputs[0], source->codes);
  edit.apply();
  return true;
}

}  // namespace

bool push_quantizers(Graph& graph) {
  return rewrite_nodes(graph, [&](NodeId id) {
    return cancel(graph, id) || move_up(graph, id) || move_above_concat(graph, id) ||
           move_down(graph, id);
  });
}

}  // namespace tendon
