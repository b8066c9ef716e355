// Attention, ONNX's and ONNX Runtime's, written out so that passes recognise it.
#include <limits>

#include "onnx/expansions.h"

namespace tendon {
namespace {

using Ints = std::vector<int64_t>;

std::string swapped(Expansion& expansion, const std::string& x, Ints perm) {
  return expansion.node("Transpose", {x}, {{"perm", std::move(perm)}});
}

/// Softmax(q k^T * scale) v of [B,heads,T,size]; `change` may alter the scores on their way.
template <class Change>
std::string attend(const OnnxNode& node, Expansion& expansion, const std::string& q,
                   const std::string& k, const std::string& v, const Change& change) {
  std::string scale;
  if (node.get<float>("scale", 0) != 0) {
    scale = expansion.scalar_like(double{node.get<float>("scale", 0)}, q);
  } else {
    const std::string size = expansion.node("CastLike", {expansion.sizes(q, 3, 4), q});
    scale = expansion.node("Reciprocal", {expansion.node("Sqrt", {size})});
  }
  const std::string product = expansion.node("MatMul", {q, swapped(expansion, k, {0, 1, 3, 2})});
  const std::string scores = change(expansion.node("Mul", {product, scale}));
  const std::string shares = expansion.node("Softmax", {scores}, {{"axis", int64_t{-1}}});
  return expansion.node("MatMul", {shares, v});
}

void refuse_inputs(const Expansion& expansion, const OnnxNode& node) {
  for (size_t i = 3; i < node.inputs.size(); ++i) {
    if (expansion.has_input(i)) {
      fail(ErrorKind::kUnsupported,
           "has a mask, past or bias (input {}), which Tendon does not take", i);
    }
  }
}

void refuse_unless(const OnnxNode& node, std::string_view name, int64_t usual) {
  if (node.get<int64_t>(name, usual) != usual) {
    fail(ErrorKind::kUnsupported, "has attribute '{}', which Tendon does not take", name);
  }
}

int64_t heads_of(const OnnxNode& node, std::string_view name) {
  const auto heads = node.require<int64_t>(name);
  if (heads < 1) fail_input("attribute '{}' is {}, expected at least 1", name, heads);
  return heads;
}

/// Scores of keys behind their query become minus infinity.
std::string without_future(Expansion& expansion, const std::string& scores) {
  const std::string rows = expansion.node(
      "Unsqueeze", {expansion.numbers(expansion.sizes(scores, 2, 3)), expansion.ints({1})});
  const std::string columns = expansion.numbers(expansion.sizes(scores, 3, 4));
  const std::string seen = expansion.node("LessOrEqual", {columns, rows});
  const std::string never = expansion.scalar_like(-std::numeric_limits<double>::infinity(), scores);
  return expansion.node("Where", {seen, scores, never});
}

}  // namespace

void expand_attention(const OnnxNode& node, Expansion& expansion) {
  refuse_unless(node, "left_window_size", -1);
  refuse_unless(node, "right_window_size", -1);
  refuse_inputs(expansion, node);
  for (size_t i = 1; i < node.outputs.size(); ++i) {
    if (expansion.has_output(i)) {
      fail(ErrorKind::kUnsupported, "gives out its keys, values or scores (output {})", i);
    }
  }
  // Only tensors [B,T,heads * size] come with the number of heads.
  const bool joined = node.has("q_num_heads");
  const auto heads = [&](size_t input, std::string_view count) {
    if (!joined) return expansion.input(input);
    const std::string split = expansion.node(
        "Reshape", {expansion.input(input), expansion.ints({0, 0, heads_of(node, count), -1})});
    return swapped(expansion, split, {0, 2, 1, 3});
  };
  const std::string q = heads(0, "q_num_heads");
  std::string k = heads(1, "kv_num_heads");
  std::string v = heads(2, "kv_num_heads");
  if (joined) {
    const int64_t all = heads_of(node, "q_num_heads");
    const int64_t own = heads_of(node, "kv_num_heads");
    if (all % own != 0) fail_input("{} heads of queries do not share {} of keys", all, own);
    const auto repeated = [&](const std::string& x) {
      const std::string apart = expansion.node("Unsqueeze", {x, expansion.ints({2})});
      const std::string copies =
          expansion.node("Expand", {apart, expansion.ints({1, 1, all / own, 1, 1})});
      const std::string shape = expansion.node(
          "Concat", {expansion.sizes(x, 0, 1), expansion.ints({all}), expansion.sizes(x, 2, 4)},
          {{"axis", int64_t{0}}});
      return expansion.node("Reshape", {copies, shape});
    };
    if (all != own) {
      k = repeated(k);
      v = repeated(v);
    }
  }
  const double cap = node.get<float>("softcap", 0);
  const std::string mixed = attend(node, expansion, q, k, v, [&](std::string scores) {
    if (cap != 0) {
      const std::string limit = expansion.scalar_like(cap, scores);
      const std::string share = expansion.node("Tanh", {expansion.node("Div", {scores, limit})});
      scores = expansion.node("Mul", {share, limit});
    }
    const bool causal = node.get<int64_t>("is_causal", 0) != 0;
    return causal ? without_future(expansion, scores) : scores;
  });
  if (!joined) return expansion.node_making({node.outputs[0]}, "Identity", {mixed});
  const std::string back = swapped(expansion, mixed, {0, 2, 1, 3});
  expansion.node_making({node.outputs[0]}, "Reshape", {back, expansion.ints({0, 0, -1})});
}

void expand_ort_attention(const OnnxNode& node, Expansion& expansion) {
  for (const std::string_view name : {"unidirectional", "do_rotary", "past_present_share_buffer"}) {
    refuse_unless(node, name, 0);
  }
  refuse_inputs(expansion, node);
  if (expansion.has_output(1) || node.has("qkv_hidden_sizes")) {
    fail(ErrorKind::kUnsupported, "gives out the present state or has unequal hidden sizes");
  }
  const int64_t heads = heads_of(node, "num_heads");
  std::string joined = expansion.node("MatMul", {expansion.input(0), expansion.input(1)});
  joined = expansion.node("Add", {joined, expansion.input(2)});
  // [B,S,3,heads,size] -> [3,B,heads,S,size]
  const std::string split =
      expansion.node("Reshape", {joined, expansion.ints({0, 0, 3, heads, -1})});
  const std::string moved = swapped(expansion, split, {2, 0, 3, 1, 4});
  const auto part = [&](int64_t which) {
    return expansion.node("Gather", {moved, expansion.constant(Tensor::scalar(which))});
  };
  const std::string q = part(0);
  const std::string k = part(1);
  const std::string v = part(2);
  const std::string mixed =
      attend(node, expansion, q, k, v, [](std::string scores) { return scores; });
  const std::string back = swapped(expansion, mixed, {0, 2, 1, 3});
  expansion.node_making({node.outputs[0]}, "Reshape", {back, expansion.ints({0, 0, -1})});
}

}  // namespace tendon
