// Operators of ONNX Runtime's own domain that its optimiser leaves in files.
#include <algorithm>

#include "onnx/expansions.h"

namespace tendon {
namespace {

/// `y` behind the activation that the node names, if any, as the node's output.
void finish_with_activation(const OnnxNode& node, Expansion& expansion, std::string type,
                            std::vector<std::string> inputs, Attributes attributes) {
  const std::string activation = node.get<std::string>("activation", "");
  attributes.erase("activation");
  attributes.erase("activation_params");
  const std::vector<float> parameters = node.get("activation_params", std::vector<float>{});
  if (activation.empty()) {
    expansion.node_making(node.outputs, std::move(type), std::move(inputs), std::move(attributes));
    return;
  }
  static constexpr std::string_view kPlain[] = {"Relu", "Tanh", "Sigmoid"};
  const bool leaky = activation == "LeakyRelu" && parameters.size() == 1;
  const bool clip = activation == "Clip" && parameters.size() == 2;
  const bool plain = std::ranges::find(kPlain, activation) != std::end(kPlain);
  if (!leaky && !clip && !plain) {
    fail(ErrorKind::kUnsupported, "activation '{}' with {} parameters is not supported", activation,
         parameters.size());
  }
  const std::string y = expansion.node(std::move(type), std::move(inputs), std::move(attributes));
  if (clip) {
    expansion.node_making(
        node.outputs, "Clip",
        {y, expansion.scalar_like(parameters[0], y), expansion.scalar_like(parameters[1], y)});
    return;
  }
  Attributes own;
  if (leaky) own.emplace("alpha", parameters[0]);
  expansion.node_making(node.outputs, activation, {y}, std::move(own));
}

void refuse(const OnnxNode& node, std::initializer_list<std::string_view> attributes) {
  for (const std::string_view name : attributes) {
    if (node.get<int64_t>(name, 0) == 0) continue;
    fail(ErrorKind::kUnsupported, "has attribute '{}', which Tendon does not take", name);
  }
}

}  // namespace

void expand_ort_fused_mat_mul(const OnnxNode& node, Expansion& expansion) {
  refuse(node, {"transBatchA", "transBatchB"});
  const auto term = [&](const char* attribute, const char* plain, const char* swapped) {
    return std::string(node.get<int64_t>(attribute, 0) != 0 ? swapped : plain);
  };
  const std::string equation =
      fmt::format("...{},...{}->...ik", term("transA", "ij", "ji"), term("transB", "jk", "kj"));
  const std::string& a = expansion.input(0);
  const double alpha = node.get<float>("alpha", 1);
  const std::vector<std::string> inputs{a, expansion.input(1)};
  const Attributes attributes{{"equation", equation}};
  if (alpha == 1) {
    expansion.node_making(node.outputs, "Einsum", inputs, attributes);
    return;
  }
  const std::string product = expansion.node("Einsum", inputs, attributes);
  expansion.node_making(node.outputs, "Mul", {product, expansion.scalar_like(alpha, a)});
}

void expand_ort_gelu(const OnnxNode& node, Expansion& expansion) {
  std::string x = expansion.input(0);
  if (expansion.has_input(1)) x = expansion.node("Add", {x, expansion.input(1)});
  const char* form = node.type == "FastGelu" ? "tanh" : "none";
  expansion.node_making(node.outputs, "Gelu", {x}, {{"approximate", form}});
}

void expand_ort_skip_layer_normalization(const OnnxNode& node, Expansion& expansion) {
  if (expansion.has_output(1) || expansion.has_output(2)) {
    fail(ErrorKind::kUnsupported, "gives out mean or deviation, which are for training");
  }
  std::string sum = expansion.node("Add", {expansion.input(0), expansion.input(1)});
  if (expansion.has_input(4)) sum = expansion.node("Add", {sum, expansion.input(4)});
  if (expansion.has_output(3)) expansion.node_making({node.outputs[3]}, "Identity", {sum});
  std::vector<std::string> inputs{sum, expansion.input(2)};
  if (expansion.has_input(3)) inputs.push_back(expansion.input(3));
  // ONNX Runtime's own default, not LayerNormalization's.
  expansion.node_making({node.outputs[0]}, "LayerNormalization", std::move(inputs),
                        {{"epsilon", node.get<float>("epsilon", 1e-12f)}});
}

void expand_ort_fused_conv(const OnnxNode& node, Expansion& expansion) {
  std::vector<std::string> inputs{expansion.input(0), expansion.input(1)};
  if (expansion.has_input(2)) inputs.push_back(expansion.input(2));
  if (!expansion.has_input(3)) {
    finish_with_activation(node, expansion, "Conv", std::move(inputs), node.attributes);
    return;
  }
  Attributes attributes = node.attributes;
  attributes.erase("activation");
  attributes.erase("activation_params");
  const std::string y = expansion.node("Conv", std::move(inputs), std::move(attributes));
  finish_with_activation(node, expansion, "Add", {y, expansion.input(3)}, {});
}

void expand_ort_fused_gemm(const OnnxNode& node, Expansion& expansion) {
  Attributes attributes = node.attributes;
  OnnxNode named = node;
  // Gemm's activation has its parameters under names of their own.
  std::vector<float> parameters;
  for (const char* name : {"activation_alpha", "activation_beta", "activation_gamma"}) {
    if (node.has(name)) parameters.push_back(node.require<float>(name));
    attributes.erase(name);
  }
  named.attributes["activation_params"] = parameters;
  finish_with_activation(named, expansion, "Gemm", node.inputs, std::move(attributes));
}

void expand_ort_attention(const OnnxNode& node, Expansion& expansion) {
  refuse(node, {"unidirectional", "do_rotary", "past_present_share_buffer"});
  for (size_t i = 3; i < node.inputs.size(); ++i) {
    if (expansion.has_input(i)) {
      fail(ErrorKind::kUnsupported,
           "has a mask, past or bias (input {}), which Tendon does not take", i);
    }
  }
  if (expansion.has_output(1) || node.has("qkv_hidden_sizes")) {
    fail(ErrorKind::kUnsupported, "gives out the present state or has unequal hidden sizes");
  }
  const auto heads = node.require<int64_t>("num_heads");
  if (heads < 1) fail_input("attribute 'num_heads' is {}, expected at least 1", heads);
  const std::string& x = expansion.input(0);
  std::string joined = expansion.node("MatMul", {x, expansion.input(1)});
  joined = expansion.node("Add", {joined, expansion.input(2)});
  // [B,S,3,heads,size] -> [3,B,heads,S,size]
  const std::string split =
      expansion.node("Reshape", {joined, expansion.ints({0, 0, 3, heads, -1})});
  const std::string moved =
      expansion.node("Transpose", {split}, {{"perm", std::vector<int64_t>{2, 0, 3, 1, 4}}});
  const auto part = [&](int64_t which) {
    return expansion.node("Gather", {moved, expansion.constant(Tensor::scalar(which))});
  };
  const std::string q = part(0);
  const std::string k =
      expansion.node("Transpose", {part(1)}, {{"perm", std::vector<int64_t>{0, 1, 3, 2}}});
  std::string scale;
  if (node.get<float>("scale", 0) != 0) {
    scale = expansion.scalar_like(double{node.get<float>("scale", 0)}, x);
  } else {
    const std::string size = expansion.node("CastLike", {expansion.sizes(q, 3, 4), x});
    scale = expansion.node("Reciprocal", {expansion.node("Sqrt", {size})});
  }
  const std::string scores = expansion.node("Mul", {expansion.node("MatMul", {q, k}), scale});
  const std::string shares = expansion.node("Softmax", {scores}, {{"axis", int64_t{-1}}});
  const std::string mixed = expansion.node("MatMul", {shares, part(2)});
  const std::string back =
      expansion.node("Transpose", {mixed}, {{"perm", std::vector<int64_t>{0, 2, 1, 3}}});
  expansion.node_making({node.outputs[0]}, "Reshape", {back, expansion.ints({0, 0, -1})});
}

}  // namespace tendon
