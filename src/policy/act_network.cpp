#include "policy/act_network.h"

#include <algorithm>

#include "base/limits.h"
#include "policy/image_inputs.h"
#include "policy/network_builder.h"
#include "policy/transformer.h"

namespace tendon {
namespace {

/// The matrix with row or column `i` multiplied by factors[i].
Tensor scaled_matrix(const Tensor& matrix, const std::vector<float>& factors, bool rows,
                     bool divide) {
  Tensor result = matrix;
  const auto values = result.mutable_data<float>();
  const auto columns = static_cast<size_t>(matrix.shape()[1]);
  for (size_t i = 0; i < values.size(); ++i) {
    const float factor = factors[rows ? i / columns : i % columns];
    values[i] = divide ? values[i] / factor : values[i] * factor;
  }
  return result;
}

/// bias + matrix * (offset, offset, …)
Tensor shifted_bias(const Tensor& matrix, const Tensor& bias, float offset) {
  Tensor result = bias;
  const auto values = result.mutable_data<float>();
  const auto elements = matrix.data<float>();
  const size_t columns = elements.size() / values.size();
  for (size_t row = 0; row < values.size(); ++row) {
    double sum = 0;
    for (const float element : elements.subspan(row * columns, columns)) sum += element;
    values[row] = static_cast<float>(values[row] + sum * offset);
  }
  return result;
}

/// One token (batch, 1, hidden) from a vector input. What is scaled loses its center before the
/// product, where the small motion of a still joint survives, and its factor in the weights.
ValueId add_vector_token(NetworkBuilder& builder, const Act& act, ValueId x, const Scaling& scaling,
                         const std::string& prefix) {
  const std::string name = layer_name(prefix);
  ValueId weight = kNone;
  ValueId bias = kNone;
  if (scaling.empty()) {
    weight = builder.weight(prefix + "weight");
    bias = builder.weight(prefix + "bias");
  } else {
    const auto width = static_cast<int64_t>(scaling.center.size());
    const ValueId center =
        builder.constant(Tensor::from<float>(Shape{width}, scaling.center), prefix + "center");
    x = builder.node(Binary{BinaryKind::kSub}, {x, center}, name + ".centered");
    const Tensor original = builder.tensor(prefix + "weight");
    weight = builder.constant(scaled_matrix(original, scaling.scale, false, true),
                              prefix + "weight.for_raw_units");
    bias = scaling.offset == 0
               ? builder.weight(prefix + "bias")
               : builder.constant(
                     shifted_bias(original, builder.tensor(prefix + "bias"), scaling.offset),
                     prefix + "bias.for_raw_units");
  }
  x = builder.product(x, weight, bias, name);
  return builder.reshape(x, {-1, 1, act.hidden}, name + ".token");
}

ValueId add_vector_input(NetworkBuilder& builder, const std::string& name, int64_t width) {
  return builder.graph().add_input(name, DataType::kFloat32, {{-1, "batch"}, {width, ""}});
}

/// (batch, chunk, actions) as graph output.
void add_action_head(NetworkBuilder& builder, const Act& act, const ActInterface& interface,
                     ValueId x) {
  const std::string prefix = act.name(names_of(act.layout).action_head);
  ValueId weight = kNone;
  ValueId bias = kNone;
  const Scaling& scaling = interface.action_scaling;
  if (scaling.empty()) {
    weight = builder.weight(prefix + "weight");
    bias = builder.weight(prefix + "bias");
  } else {
    Tensor shifted = builder.tensor(prefix + "bias");
    const auto values = shifted.mutable_data<float>();
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] = (values[i] - scaling.offset) * scaling.scale[i] + scaling.center[i];
    }
    weight = builder.constant(
        scaled_matrix(builder.tensor(prefix + "weight"), scaling.scale, true, false),
        prefix + "weight.for_raw_units");
    bias = builder.constant(shifted, prefix + "bias.for_raw_units");
  }
  x = builder.reshape(x, {-1, act.hidden}, prefix + "rows");
  x = builder.product(x, weight, bias, layer_name(prefix));
  x = builder.node(Reshape{}, {x, builder.ints({-1, act.chunk, act.actions})}, prefix + "chunk",
                   interface.action);
  builder.graph().add_output(x);
}

/// (1, count, hidden): learned positions of the vector tokens, then the sine table of the images.
ValueId add_positions(NetworkBuilder& builder, const Act& act, const ActInterface& interface,
                      int64_t count) {
  const auto most = limits().max_folded_bytes / static_cast<int64_t>(sizeof(float));
  if (count > most / act.hidden) {
    fail_input(
        "{} tokens of {} elements need a table of positions beyond the limit of {} bytes; "
        "smaller images?",
        count, act.hidden, limits().max_folded_bytes);
  }
  const Tensor learned = builder.tensor(act.name(names_of(act.layout).token_positions));
  Tensor all(DataType::kFloat32, {1, count, act.hidden});
  auto to = std::ranges::copy(learned.data<float>(), all.mutable_data<float>().begin()).out;
  if (!interface.cameras.empty()) {
    const Tensor images = image_positions(act, interface);
    std::ranges::copy(images.data<float>(), to);
  }
  return builder.constant(std::move(all), "positions");
}

}  // namespace

Graph graph_from_act(const Act& act, const StateDict& weights, const ActInterface& interface) {
  Graph graph;
  graph.name = "act";
  NetworkBuilder builder(graph, weights);
  const ActNames& names = names_of(act.layout);

  ValueId state = kNone;
  ValueId environment = kNone;
  if (act.state > 0) state = add_vector_input(builder, interface.state, act.state);
  if (act.environment > 0) {
    environment = add_vector_input(builder, interface.environment, act.environment);
  }
  std::vector<ValueId> images;
  if (!interface.cameras.empty()) images = add_image_inputs(builder, interface);
  const ValueId shape = builder.node(ShapeOf{}, {graph.inputs().front().value}, "input_shape");
  const ValueId batch = builder.node(Gather{.axis = 0}, {shape, builder.ints({0})}, "batch_size");

  // The latent is zero at inference, which leaves its projection's bias.
  const std::string latent = act.name(names.latent_projection);
  std::vector<ValueId> parts{
      expand_to_batch(builder, builder.weight(latent + "bias", {1, 1, act.hidden}), batch,
                      {1, act.hidden}, layer_name(latent) + ".token")};
  if (state != kNone) {
    parts.push_back(add_vector_token(builder, act, state, interface.state_scaling,
                                     act.name(names.state_projection)));
  }
  if (environment != kNone) {
    parts.push_back(add_vector_token(builder, act, environment, interface.environment_scaling,
                                     act.name(names.environment_projection)));
  }
  Tokens tokens{kNone, kNone, act.token_count()};
  if (!images.empty()) {
    parts.push_back(add_image_tokens(builder, act, interface, images));
    tokens.count += image_token_count(act, interface);
  }
  tokens.values = builder.node(Concat{.axis = 1}, parts, "tokens");
  tokens.positions = add_positions(builder, act, interface, tokens.count);

  const Tokens memory = add_encoder(builder, act, tokens);
  add_action_head(builder, act, interface, add_decoder(builder, act, memory, batch));
  return graph;
}

}  // namespace tendon
