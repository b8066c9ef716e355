// Operators on quantised tensors, written with QuantizeLinear and DequantizeLinear or in wider
// integers.
#include "onnx/expansions.h"

namespace tendon {
namespace {

constexpr int64_t kInt32 = 6;
constexpr int64_t kFloat64 = 11;

/// DequantizeLinear of three neighbouring inputs.
std::string real(Expansion& expansion, size_t first, int64_t axis) {
  return expansion.node(
      "DequantizeLinear",
      {expansion.input(first), expansion.input(first + 1), expansion.input(first + 2)},
      {{"axis", axis}});
}

std::string converted(Expansion& expansion, const std::string& x, int64_t type) {
  return expansion.node("Cast", {x}, {{"to", type}});
}

}  // namespace

void expand_qlinear_conv(const OnnxNode& node, Expansion& expansion) {
  std::vector<std::string> inputs{real(expansion, 0, 1), real(expansion, 3, 0)};
  if (expansion.has_input(8)) {
    const std::string scale = expansion.node("Mul", {expansion.input(1), expansion.input(4)});
    inputs.push_back(
        expansion.node("DequantizeLinear", {expansion.input(8), scale}, {{"axis", int64_t{0}}}));
  }
  const std::string y = expansion.node("Conv", std::move(inputs), node.attributes);
  expansion.node_making(node.outputs, "QuantizeLinear",
                        {y, expansion.input(6), expansion.input(7)});
}

void expand_qlinear_mat_mul(const OnnxNode& node, Expansion& expansion) {
  const std::string y = expansion.node("MatMul", {real(expansion, 0, -2), real(expansion, 3, -1)});
  expansion.node_making(node.outputs, "QuantizeLinear",
                        {y, expansion.input(6), expansion.input(7)});
}

void expand_conv_integer(const OnnxNode& node, Expansion& expansion) {
  std::string x = converted(expansion, expansion.input(0), kFloat64);
  if (expansion.has_input(2)) {
    x = expansion.node("Sub", {x, converted(expansion, expansion.input(2), kFloat64)});
  }
  std::string w = converted(expansion, expansion.input(1), kFloat64);
  if (expansion.has_input(3)) {
    const std::string zero = converted(expansion, expansion.input(3), kFloat64);
    const std::string list = expansion.node("Reshape", {zero, expansion.ints({-1})});
    w = expansion.node("Sub", {w, expansion.along(list, w, 0)});
  }
  const std::string y = expansion.node("Conv", {x, w}, node.attributes);
  expansion.node_making(node.outputs, "Cast", {y}, {{"to", kInt32}});
}

void expand_mat_mul_integer(const OnnxNode& node, Expansion& expansion) {
  std::string a = converted(expansion, expansion.input(0), kInt32);
  if (expansion.has_input(2)) {
    // One zero point, or one a row.
    const std::string zero = converted(expansion, expansion.input(2), kInt32);
    const std::string column = expansion.node("Unsqueeze", {zero, expansion.ints({-1})});
    a = expansion.node("Sub", {a, column});
  }
  std::string b = converted(expansion, expansion.input(1), kInt32);
  if (expansion.has_input(3)) {
    b = expansion.node("Sub", {b, converted(expansion, expansion.input(3), kInt32)});
  }
  expansion.node_making(node.outputs, "MatMul", {a, b});
}

void expand_dynamic_quantize_linear(const OnnxNode& node, Expansion& expansion) {
  constexpr int64_t kUInt8 = 2;
  const std::string& x = expansion.input(0);
  const auto number = [&](float value) { return expansion.constant(Tensor::scalar(value)); };
  const Attributes whole_tensor{{"keepdims", int64_t{0}}};
  const std::string zero = number(0);
  const std::string low =
      expansion.node("Min", {expansion.node("ReduceMin", {x}, whole_tensor), zero});
  const std::string high =
      expansion.node("Max", {expansion.node("ReduceMax", {x}, whole_tensor), zero});
  const std::string range = expansion.node("Sub", {high, low});
  const std::string step = expansion.node("Div", {range, number(255)});
  // Of zeros alone there is no range; any scale serves.
  const std::string scale =
      expansion.node("Where", {expansion.node("Equal", {step, zero}), number(1), step});
  const std::string offset =
      expansion.node("Round", {expansion.node("Neg", {expansion.node("Div", {low, scale})})});
  const std::string clipped = expansion.node("Clip", {offset, zero, number(255)});
  const std::string zero_point = expansion.node("Cast", {clipped}, {{"to", kUInt8}});
  expansion.node_making({node.outputs[0]}, "QuantizeLinear", {x, scale, zero_point});
  if (expansion.has_output(1)) expansion.node_making({node.outputs[1]}, "Identity", {scale});
  if (expansion.has_output(2)) expansion.node_making({node.outputs[2]}, "Identity", {zero_point});
}

}  // namespace tendon
