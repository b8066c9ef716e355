// Operators on images that are shape changes or other operators with fixed attributes.
#include "onnx/expansions.h"

namespace tendon {
namespace {

int64_t block_size_of(const OnnxNode& node) {
  const auto size = node.require<int64_t>("blocksize");
  if (size < 1) fail_input("attribute 'blocksize' is {}, expected at least 1", size);
  return size;
}

/// The list and the tensors of rank 1 as one list.
std::string joined(Expansion& expansion, std::vector<std::string> lists) {
  return expansion.node("Concat", std::move(lists), {{"axis", int64_t{0}}});
}

/// Whether the block or the channel comes first in the deep axis.
bool is_depth_first(const OnnxNode& node) {
  const std::string mode = node.get<std::string>("mode", "DCR");
  if (mode != "DCR" && mode != "CRD") {
    fail_input("attribute 'mode' is '{}', expected DCR or CRD", mode);
  }
  return mode == "DCR";
}

std::string transposed(Expansion& expansion, const std::string& x, std::vector<int64_t> perm) {
  return expansion.node("Transpose", {x}, {{"perm", std::move(perm)}});
}

}  // namespace

void expand_depth_to_space(const OnnxNode& node, Expansion& expansion) {
  const std::string& x = expansion.input(0);
  const int64_t block = block_size_of(node);
  const bool depth_first = is_depth_first(node);
  const std::string points = expansion.sizes(x, 2, 4);
  const std::string parts = expansion.ints(depth_first ? std::vector<int64_t>{0, block, block, -1}
                                                       : std::vector<int64_t>{0, -1, block, block});
  const std::string split = expansion.node("Reshape", {x, joined(expansion, {parts, points})});
  const std::string moved = transposed(expansion, split,
                                       depth_first ? std::vector<int64_t>{0, 3, 4, 1, 5, 2}
                                                   : std::vector<int64_t>{0, 1, 4, 2, 5, 3});
  const std::string larger =
      expansion.node("Mul", {points, expansion.constant(Tensor::scalar(block))});
  const std::string shape = joined(expansion, {expansion.ints({0, 0}), larger});
  expansion.node_making(node.outputs, "Reshape", {moved, shape});
}

void expand_space_to_depth(const OnnxNode& node, Expansion& expansion) {
  const std::string& x = expansion.input(0);
  const int64_t block = block_size_of(node);
  const std::string size = expansion.constant(Tensor::scalar(block));
  const auto blocks = [&](int64_t start, int64_t end) {
    return expansion.node("Div", {expansion.sizes(x, start, end), size});
  };
  const std::string side = expansion.ints({block});
  const std::string parts =
      joined(expansion, {expansion.ints({0, 0}), blocks(2, 3), side, blocks(3, 4), side});
  const std::string split = expansion.node("Reshape", {x, parts});
  const std::string moved =
      transposed(expansion, split,
                 is_depth_first(node) ? std::vector<int64_t>{0, 3, 5, 1, 2, 4}
                                      : std::vector<int64_t>{0, 1, 3, 5, 2, 4});
  const std::string shape = joined(expansion, {expansion.ints({0, -1}), blocks(2, 4)});
  expansion.node_making(node.outputs, "Reshape", {moved, shape});
}

void expand_upsample(const OnnxNode& node, Expansion& expansion) {
  expansion.node_making(node.outputs, "Resize", {expansion.input(0), "", expansion.input(1)},
                        {{"mode", node.get<std::string>("mode", "nearest")},
                         {"nearest_mode", "floor"},
                         {"coordinate_transformation_mode", "asymmetric"}});
}

void expand_lp_pool(const OnnxNode& node, Expansion& expansion) {
  const std::string& x = expansion.input(0);
  if (node.get<int64_t>("ceil_mode", 0) != 0) {
    fail(ErrorKind::kUnsupported, "has ceil_mode = 1, which Tendon takes for other pools only");
  }
  const auto p = static_cast<double>(node.get<int64_t>("p", 2));
  double size = 1;
  for (const int64_t taps : node.require<std::vector<int64_t>>("kernel_shape")) {
    size *= static_cast<double>(taps);
  }
  Attributes attributes = node.attributes;
  attributes.erase("p");
  attributes.erase("ceil_mode");
  attributes["count_include_pad"] = int64_t{1};
  const std::string power = expansion.scalar_like(p, x);
  const std::string powers = expansion.node("Pow", {expansion.node("Abs", {x}), power});
  const std::string mean = expansion.node("AveragePool", {powers}, std::move(attributes));
  const std::string sum = expansion.node("Mul", {mean, expansion.scalar_like(size, x)});
  expansion.node_making(node.outputs, "Pow", {sum, expansion.scalar_like(1 / p, x)});
}

}  // namespace tendon
