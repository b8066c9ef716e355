// Normalizations that are written out in means and square roots.
#include "onnx/expansions.h"

namespace tendon {

void expand_group_normalization(const OnnxNode& node, Expansion& expansion) {
  const std::string& x = expansion.input(0);
  const auto groups = node.require<int64_t>("num_groups");
  if (groups < 1) fail_input("attribute 'num_groups' is {}, expected at least 1", groups);
  const std::string width =
      expansion.node("Div", {expansion.sizes(x, 1, 2), expansion.ints({groups})});
  const std::string shape =
      expansion.node("Concat", {expansion.ints({groups}), width}, {{"axis", int64_t{0}}});
  const auto by_channel = [&](size_t input) {
    const std::string column =
        expansion.node("Unsqueeze", {expansion.input(input), expansion.ints({1})});
    const std::string repeated = expansion.node("Expand", {column, shape});
    return expansion.node("Reshape", {repeated, expansion.ints({-1})});
  };
  expansion.node_making(node.outputs, "GroupNormalization", {x, by_channel(1), by_channel(2)},
                        {{"num_groups", groups}, {"epsilon", node.get<float>("epsilon", 1e-5f)}});
}

void expand_rms_normalization(const OnnxNode& node, Expansion& expansion) {
  const std::string& x = expansion.input(0);
  const auto axis = node.get<int64_t>("axis", -1);
  const std::string rank = expansion.node("Size", {expansion.node("Shape", {x})});
  const std::string first = expansion.constant(Tensor::scalar(axis));
  const std::string end = axis < 0 ? expansion.constant(Tensor::scalar<int64_t>(0)) : rank;
  const std::string axes =
      expansion.node("Range", {first, end, expansion.constant(Tensor::scalar<int64_t>(1))});
  const std::string square = expansion.node("Mul", {x, x});
  const std::string mean = expansion.node("ReduceMean", {square, axes});
  const std::string epsilon = expansion.scalar_like(double{node.get<float>("epsilon", 1e-5f)}, x);
  const std::string deviation = expansion.node("Sqrt", {expansion.node("Add", {mean, epsilon})});
  const std::string normal = expansion.node("Div", {x, deviation});
  expansion.node_making({node.outputs[0]}, "Mul", {normal, expansion.input(1)});
}

void expand_mean_variance_normalization(const OnnxNode& node, Expansion& expansion) {
  const std::string& x = expansion.input(0);
  const std::string axes = expansion.ints(node.get("axes", std::vector<int64_t>{0, 2, 3}));
  const std::string mean = expansion.node("ReduceMean", {x, axes});
  const std::string centred = expansion.node("Sub", {x, mean});
  const std::string square = expansion.node("Mul", {centred, centred});
  const std::string variance = expansion.node("ReduceMean", {square, axes});
  const std::string deviation = expansion.node("Sqrt", {variance});
  const std::string divisor = expansion.node("Add", {deviation, expansion.scalar_like(1e-9, x)});
  expansion.node_making(node.outputs, "Div", {centred, divisor});
}

void expand_lrn(const OnnxNode& node, Expansion& expansion) {
  const std::string& x = expansion.input(0);
  const auto size = node.require<int64_t>("size");
  if (size < 1) fail_input("attribute 'size' is {}, expected at least 1", size);
  const std::string square = expansion.node("Mul", {x, x});
  // As an image of one channel whose rows are x's channels.
  const std::string flat = expansion.node(
      "Concat", {expansion.ints({0, 1}), expansion.sizes(x, 1, 2), expansion.ints({-1})},
      {{"axis", int64_t{0}}});
  const std::string rows = expansion.node("Reshape", {square, flat});
  const std::vector<int64_t> pads{(size - 1) / 2, 0, size / 2, 0};
  const std::string mean = expansion.node("AveragePool", {rows},
                                          {{"kernel_shape", std::vector<int64_t>{size, 1}},
                                           {"pads", pads},
                                           {"count_include_pad", int64_t{1}}});
  const std::string means = expansion.node("Reshape", {mean, expansion.node("Shape", {x})});
  const auto scalar = [&](const char* name, float fallback) {
    return expansion.scalar_like(double{node.get<float>(name, fallback)}, x);
  };
  const std::string share = expansion.node("Mul", {means, scalar("alpha", 1e-4f)});
  const std::string sum = expansion.node("Add", {share, scalar("bias", 1)});
  const std::string divisor = expansion.node("Pow", {sum, scalar("beta", 0.75f)});
  expansion.node_making(node.outputs, "Div", {x, divisor});
}

}  // namespace tendon
