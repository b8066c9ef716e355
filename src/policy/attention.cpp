#include "policy/attention.h"

#include <cmath>

namespace tendon {
namespace {

constexpr int64_t kBatch = -1;

/// Projects x by one third of the joint weights and splits the heads: (batch, heads, tokens, width)
/// or, for keys, (batch, heads, width, tokens).
ValueId add_heads(NetworkBuilder& builder, const Act& act, ValueId rows, int64_t tokens,
                  int64_t part, const std::string& prefix) {
  static constexpr const char* kParts[] = {"query", "key", "value"};
  const std::string name = prefix + kParts[part];
  ValueId x = builder.product(rows, builder.weight_part(prefix + "in_proj_weight", part, 3),
                              builder.weight_part(prefix + "in_proj_bias", part, 3), name);
  x = builder.reshape(x, {kBatch, tokens, act.heads, act.hidden / act.heads}, name + ".heads");
  const std::vector<int64_t> perm =
      part == 1 ? std::vector<int64_t>{0, 2, 3, 1} : std::vector<int64_t>{0, 2, 1, 3};
  return builder.node(Transpose{.perm = perm}, {x}, name + ".by_head");
}

}  // namespace

ValueId add_attention(NetworkBuilder& builder, const Act& act, const AttentionInputs& inputs,
                      const std::string& prefix) {
  const std::vector<int64_t> rows{-1, act.hidden};
  const ValueId query_rows = builder.reshape(inputs.query, rows, prefix + "query.rows");
  const ValueId key_rows = inputs.key == inputs.query
                               ? query_rows
                               : builder.reshape(inputs.key, rows, prefix + "key.rows");
  const ValueId value_rows = builder.reshape(inputs.value, rows, prefix + "value.rows");
  ValueId query = add_heads(builder, act, query_rows, inputs.queries, 0, prefix);
  const ValueId key = add_heads(builder, act, key_rows, inputs.keys, 1, prefix);
  const ValueId value = add_heads(builder, act, value_rows, inputs.keys, 2, prefix);

  const auto width = static_cast<float>(act.hidden / act.heads);
  const ValueId scale =
      builder.constant(Tensor::scalar(1.0F / std::sqrt(width)), "attention.scale");
  query = builder.node(Binary{BinaryKind::kMul}, {query, scale}, prefix + "query.scaled");
  ValueId weights = builder.node(MatMul{}, {query, key}, prefix + "logits");
  weights = builder.node(Softmax{}, {weights}, prefix + "weights");
  ValueId mixed = builder.node(MatMul{}, {weights, value}, prefix + "mixed");
  mixed = builder.node(Transpose{.perm = {0, 2, 1, 3}}, {mixed}, prefix + "mixed.by_token");
  mixed = builder.linear(mixed, act.hidden, prefix + "out_proj.");
  return builder.reshape(mixed, {kBatch, inputs.queries, act.hidden}, prefix + "output");
}

}  // namespace tendon
