// Operators that compare positions with numbers, or choose by them.
#include "onnx/expansions.h"

namespace tendon {
namespace {

/// column - row for the last two axes of `x`; [rows, columns].
std::string diagonal(Expansion& expansion, const std::string& x) {
  const std::string rows = expansion.numbers(expansion.sizes(x, -2, -1));
  const std::string columns = expansion.numbers(expansion.sizes(x, -1, 0));
  const std::string row = expansion.node("Unsqueeze", {rows, expansion.ints({1})});
  return expansion.node("Sub", {columns, row});
}

}  // namespace

void expand_trilu(const OnnxNode& node, Expansion& expansion) {
  const std::string& x = expansion.input(0);
  const bool upper = node.get<int64_t>("upper", 1) != 0;
  const std::string k =
      expansion.has_input(1) ? expansion.input(1) : expansion.constant(Tensor::scalar<int64_t>(0));
  const std::string kept =
      expansion.node(upper ? "GreaterOrEqual" : "LessOrEqual", {diagonal(expansion, x), k});
  expansion.node_making(node.outputs, "Where", {kept, x, expansion.scalar_like(0, x)});
}

void expand_eye_like(const OnnxNode& node, Expansion& expansion) {
  const std::string& x = expansion.input(0);
  const std::string k = expansion.constant(Tensor::scalar(node.get<int64_t>("k", 0)));
  const std::string eye = expansion.node("Equal", {diagonal(expansion, x), k});
  if (node.has("dtype")) {
    expansion.node_making(node.outputs, "Cast", {eye}, {{"to", node.require<int64_t>("dtype")}});
  } else {
    expansion.node_making(node.outputs, "CastLike", {eye, x});
  }
}

void expand_one_hot(const OnnxNode& node, Expansion& expansion) {
  constexpr int64_t kInt64 = 7;
  const auto axis = node.get<int64_t>("axis", -1);
  const auto whole = [&](size_t input) {
    return expansion.node("Cast", {expansion.input(input)}, {{"to", kInt64}});
  };
  const std::string depth = whole(1);
  std::string indices = expansion.node("Unsqueeze", {whole(0), expansion.ints({axis})});
  const std::string zero = expansion.constant(Tensor::scalar<int64_t>(0));
  const std::string negative = expansion.node("Less", {indices, zero});
  const std::string from_end = expansion.node("Add", {indices, depth});
  indices = expansion.node("Where", {negative, from_end, indices});
  const std::string places = expansion.along(expansion.numbers(depth), indices, axis);
  const auto value = [&](int64_t which) {
    const std::string index = expansion.constant(Tensor::scalar(which));
    return expansion.node("Gather", {expansion.input(2), index});
  };
  const std::string hot = expansion.node("Equal", {indices, places});
  expansion.node_making(node.outputs, "Where", {hot, value(1), value(0)});
}

void expand_hardmax(const OnnxNode& node, Expansion& expansion) {
  const std::string& x = expansion.input(0);
  const auto axis = node.get<int64_t>("axis", -1);
  const std::string place = expansion.node("ArgMax", {x}, {{"axis", axis}});
  const std::string count =
      expansion.node("Gather", {expansion.sizes(x, 0, 0), expansion.ints({axis})});
  const std::string places = expansion.along(expansion.numbers(count), x, axis);
  const std::string hot = expansion.node("Equal", {places, place});
  expansion.node_making(node.outputs, "CastLike", {hot, x});
}

void expand_compress(const OnnxNode& node, Expansion& expansion) {
  const std::string chosen = expansion.node("NonZero", {expansion.input(1)});
  const std::string indices = expansion.node("Squeeze", {chosen, expansion.ints({0})});
  std::string x = expansion.input(0);
  if (!node.has("axis")) x = expansion.node("Reshape", {x, expansion.ints({-1})});
  expansion.node_making(node.outputs, "Gather", {x, indices},
                        {{"axis", node.get<int64_t>("axis", 0)}});
}

void expand_reverse_sequence(const OnnxNode& node, Expansion& expansion) {
  const std::string& x = expansion.input(0);
  const auto time_axis = node.get<int64_t>("time_axis", 0);
  const auto batch_axis = node.get<int64_t>("batch_axis", 1);
  const std::string shape = expansion.sizes(x, 0, 0);
  const std::string steps = expansion.node("Gather", {shape, expansion.ints({time_axis})});
  const std::string step = expansion.along(expansion.numbers(steps), x, time_axis);
  const std::string length = expansion.along(expansion.input(1), x, batch_axis);
  const std::string one = expansion.constant(Tensor::scalar<int64_t>(1));
  const std::string last = expansion.node("Sub", {length, one});
  const std::string mirrored = expansion.node("Sub", {last, step});
  const std::string reversed = expansion.node("Less", {step, length});
  const std::string from = expansion.node("Where", {reversed, mirrored, step});
  const std::string indices = expansion.node("Expand", {from, shape});
  expansion.node_making(node.outputs, "GatherElements", {x, indices}, {{"axis", time_axis}});
}

void expand_scatter(const OnnxNode& node, Expansion& expansion) {
  expansion.node_making(node.outputs, "ScatterElements", node.inputs, node.attributes);
}

void expand_size(const OnnxNode& node, Expansion& expansion) {
  const std::string shape = expansion.node("Shape", {expansion.input(0)});
  expansion.node_making(node.outputs, "ReduceProd", {shape}, {{"keepdims", int64_t{0}}});
}

}  // namespace tendon
