#include "policy/transformer.h"

#include "policy/attention.h"

namespace tendon {
namespace {

ValueId add_feed_forward(NetworkBuilder& builder, const Act& act, ValueId x, int64_t tokens,
                         const std::string& prefix) {
  x = builder.linear(x, act.hidden, prefix + "linear1.");
  const UnaryKind kind = act.activation == Activation::kGelu ? UnaryKind::kGelu : UnaryKind::kRelu;
  x = builder.node(Unary::of(kind), {x}, prefix + "activation");
  x = builder.linear(x, act.feed_forward, prefix + "linear2.");
  return builder.reshape(x, {-1, tokens, act.hidden}, prefix + "feed_forward");
}

/// One part of a layer with its residual: norm(x + part(x)), or x + part(norm(x)) for pre-norm.
template <class Part>
ValueId add_residual(NetworkBuilder& builder, const Act& act, ValueId x, int number,
                     const std::string& prefix, Part&& part) {
  const std::string norm = fmt::format("{}norm{}.", prefix, number);
  const std::string sum = fmt::format("{}residual{}", prefix, number);
  if (act.pre_norm) return builder.add(x, part(builder.layer_norm(x, norm)), sum);
  return builder.layer_norm(builder.add(x, part(x), sum), norm);
}

ValueId add_encoder_layer(NetworkBuilder& builder, const Act& act, const Tokens& tokens,
                          const std::string& prefix) {
  const ValueId x = add_residual(builder, act, tokens.values, 1, prefix, [&](ValueId y) {
    const ValueId placed = builder.add(y, tokens.positions, prefix + "placed");
    return add_attention(builder, act, {placed, tokens.count, placed, y, tokens.count},
                         prefix + "self_attn.");
  });
  return add_residual(builder, act, x, 2, prefix, [&](ValueId y) {
    return add_feed_forward(builder, act, y, tokens.count, prefix);
  });
}

/// The self-attention of a decoder layer, (batch, chunk, hidden) like x.
ValueId add_decoder_self_attention(NetworkBuilder& builder, const Act& act, ValueId x,
                                   ValueId queries, const std::string& prefix) {
  return add_residual(builder, act, x, 1, prefix, [&](ValueId y) {
    const ValueId placed = builder.add(y, queries, prefix + "placed");
    return add_attention(builder, act, {placed, act.chunk, placed, y, act.chunk},
                         prefix + "self_attn.");
  });
}

}  // namespace

ValueId expand_to_batch(NetworkBuilder& builder, ValueId x, ValueId batch,
                        const std::vector<int64_t>& rest, const std::string& name) {
  const ValueId shape =
      builder.node(Concat{.axis = 0}, {batch, builder.ints(rest)}, name + ".shape");
  return builder.node(Expand{}, {x, shape}, name);
}

Tokens add_encoder(NetworkBuilder& builder, const Act& act, const Tokens& tokens) {
  Tokens result = tokens;
  for (int64_t i = 0; i < act.encoder_layers; ++i) {
    result.values = add_encoder_layer(builder, act, result, act.encoder_layer(i));
  }
  if (act.encoder_norm) {
    const std::string norm = act.name(names_of(act.layout).encoder) + "norm.";
    result.values = builder.layer_norm(result.values, norm);
  }
  return result;
}

ValueId add_decoder(NetworkBuilder& builder, const Act& act, const Tokens& memory, ValueId batch) {
  const ActNames& names = names_of(act.layout);
  const std::string decoder = act.name(names.decoder);
  const ValueId queries = builder.weight(act.name(names.queries), {1, act.chunk, act.hidden});
  const ValueId keys = builder.add(memory.values, memory.positions, decoder + "keys");
  ValueId x =
      builder.constant(Tensor(DataType::kFloat32, {1, act.chunk, act.hidden}), decoder + "start");
  for (int64_t i = 0; i < act.live_decoder_layers(); ++i) {
    const std::string prefix = act.decoder_layer(i);
    x = add_decoder_self_attention(builder, act, x, queries, prefix);
    if (i == 0) {
      // Until here nothing depends on the inputs: every sample of a batch has the same.
      x = expand_to_batch(builder, x, batch, {act.chunk, act.hidden}, decoder + "batch");
    }
    x = add_residual(builder, act, x, 2, prefix, [&](ValueId y) {
      const ValueId placed = builder.add(y, queries, prefix + "query");
      return add_attention(builder, act, {placed, act.chunk, keys, memory.values, memory.count},
                           prefix + "multihead_attn.");
    });
    x = add_residual(builder, act, x, 3, prefix, [&](ValueId y) {
      return add_feed_forward(builder, act, y, act.chunk, prefix);
    });
  }
  return builder.layer_norm(x, decoder + "norm.");
}

}  // namespace tendon
