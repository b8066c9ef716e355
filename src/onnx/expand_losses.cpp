// Losses, which policies exported from a training script may still compute.
#include "onnx/expansions.h"

namespace tendon {

void expand_negative_log_likelihood_loss(const OnnxNode& node, Expansion& expansion) {
  constexpr int64_t kInt64 = 7;
  const std::string& x = expansion.input(0);
  const std::string reduction = node.get<std::string>("reduction", "mean");
  if (reduction != "none" && reduction != "sum" && reduction != "mean") {
    fail_input("attribute 'reduction' is '{}', expected none, sum or mean", reduction);
  }
  const std::string axis = expansion.ints({1});
  const std::string zero = expansion.scalar_like(0, x);
  const std::string whole = expansion.node("Cast", {expansion.input(1)}, {{"to", kInt64}});
  std::string target = expansion.node("Unsqueeze", {whole, axis});
  std::string ignored;
  if (node.has("ignore_index")) {
    const std::string index =
        expansion.constant(Tensor::scalar(node.require<int64_t>("ignore_index")));
    ignored = expansion.node("Equal", {target, index});
    target =
        expansion.node("Where", {ignored, expansion.constant(Tensor::scalar<int64_t>(0)), target});
  }
  const auto without_ignored = [&](const std::string& values) {
    return ignored.empty() ? values : expansion.node("Where", {ignored, zero, values});
  };
  const std::string chosen = expansion.node("GatherElements", {x, target}, {{"axis", int64_t{1}}});
  std::string loss = expansion.node("Neg", {chosen});
  std::string weight;
  if (expansion.has_input(2)) {
    weight = expansion.node("Gather", {expansion.input(2), target});
    loss = expansion.node("Mul", {loss, weight});
  } else if (reduction == "mean" && !ignored.empty()) {
    const std::string shape = expansion.node("Shape", {target});
    weight = expansion.node("Expand", {expansion.scalar_like(1, x), shape});
  }
  loss = without_ignored(loss);
  const Attributes whole_tensor{{"keepdims", int64_t{0}}};
  if (reduction == "none") {
    expansion.node_making(node.outputs, "Squeeze", {loss, axis});
  } else if (reduction == "sum") {
    expansion.node_making(node.outputs, "ReduceSum", {loss}, whole_tensor);
  } else if (weight.empty()) {
    expansion.node_making(node.outputs, "ReduceMean", {loss}, whole_tensor);
  } else {
    const std::string sum = expansion.node("ReduceSum", {loss}, whole_tensor);
    const std::string count = expansion.node("ReduceSum", {without_ignored(weight)}, whole_tensor);
    expansion.node_making(node.outputs, "Div", {sum, count});
  }
}

void expand_softmax_cross_entropy_loss(const OnnxNode& node, Expansion& expansion) {
  const Attributes channels{{"axis", int64_t{1}}};
  std::string log_prob;
  if (expansion.has_output(1)) {
    log_prob = node.outputs[1];
    expansion.node_making({log_prob}, "LogSoftmax", {expansion.input(0)}, channels);
  } else {
    log_prob = expansion.node("LogSoftmax", {expansion.input(0)}, channels);
  }
  std::vector<std::string> inputs{log_prob, expansion.input(1)};
  if (expansion.has_input(2)) inputs.push_back(expansion.input(2));
  expansion.node_making({node.outputs[0]}, "NegativeLogLikelihoodLoss", std::move(inputs),
                        node.attributes);
}

}  // namespace tendon
