#include "passes/epilogue.h"

namespace tendon {

ValueId residual_of(const Graph& graph, ValueId id) {
  const auto* binary = sole_reader_op<Binary>(graph, id);
  if (binary == nullptr || binary->kind != BinaryKind::kAdd) return kNone;
  const ValueId other = other_input(graph.node(sole_reader(graph, id)), id);
  return graph.type(other) == graph.type(id) ? other : kNone;
}

Activation activation_of(const Graph& graph, ValueId id) {
  const auto* unary = sole_reader_op<Unary>(graph, id);
  if (unary == nullptr) return Activation::kNone;
  if (unary->kind == UnaryKind::kRelu) return Activation::kRelu;
  return unary->kind == UnaryKind::kGelu ? Activation::kGelu : Activation::kNone;
}

Epilogue epilogue_of(const Graph& graph, ValueId id) {
  Epilogue epilogue{.output = id};
  const auto advance = [&] {
    epilogue.output = graph.node(sole_reader(graph, epilogue.output)).outputs[0];
  };
  epilogue.residual = residual_of(graph, id);
  if (epilogue.residual != kNone) advance();
  epilogue.activation = activation_of(graph, epilogue.output);
  if (epilogue.activation != Activation::kNone) advance();
  return epilogue;
}

}  // namespace tendon
