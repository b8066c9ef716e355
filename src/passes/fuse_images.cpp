// The first convolution reads images as they come: conversion, offset and layout move into it.
#include <algorithm>

#include "passes/linear.h"
#include "passes/passes.h"
#include "passes/quantized.h"
#include "passes/rewrite.h"

namespace tendon {
namespace {

/// What the backends have kernels for.
constexpr int64_t kMostChannels = 4;

/// Where the images of a convolution come from and what happens to them on the way.
struct Images {
  ValueId x = kNone;
  std::vector<double> offset;
  bool channels_last = true;
  bool changed = false;
};

bool same_images(const Shape& a, const Shape& b) {
  return a.rank() >= 3 && b.rank() >= 3 && std::equal(a.end() - 3, a.end(), b.end() - 3);
}

/// Takes in the node that makes `images.x`, or says that it is no preparation.
bool step_up(const Graph& graph, Images& images) {
  const Node* node = graph.producer(images.x);
  if (node == nullptr || sole_reader(graph, images.x) == kNone) return false;
  const Shape& shape = graph.shape(images.x);
  if (const auto* transpose = std::get_if<Transpose>(&node->op)) {
    const std::vector<int64_t> to_last = {0, 2, 3, 1};
    if (!images.channels_last || transpose->permutation(shape.rank()) != to_last) return false;
    images.channels_last = false;
    images.x = node->inputs[0];
    return images.changed = true;
  }
  if (std::holds_alternative<Reshape>(node->op)) {
    if (!same_images(graph.shape(node->inputs[0]), shape)) return false;
    images.x = node->inputs[0];
    return true;
  }
  if (const auto* cast = std::get_if<Cast>(&node->op)) {
    if (cast->to != DataType::kFloat32 || graph.type(node->inputs[0]).dtype != DataType::kUInt8) {
      return false;
    }
    images.x = node->inputs[0];
    return images.changed = true;
  }
  const auto* binary = std::get_if<Binary>(&node->op);
  if (binary == nullptr) return false;
  const bool subtracts = binary->kind == BinaryKind::kSub;
  if (!subtracts && binary->kind != BinaryKind::kAdd) return false;
  const size_t constant = !subtracts && graph.is_constant(node->inputs[0]) ? 0 : 1;
  const ValueId x = node->inputs[1 - constant];
  const int channel_axis = shape.rank() - (images.channels_last ? 1 : 3);
  const auto values = values_along(graph, node->inputs[constant], shape, channel_axis);
  if (!values || graph.type(x) != graph.type(images.x)) return false;
  for (size_t i = 0; i < images.offset.size(); ++i) {
    images.offset[i] += subtracts ? (*values)[i] : -(*values)[i];
  }
  images.x = x;
  return images.changed = true;
}

bool is_first_convolution(const Graph& graph, const Node& node) {
  const auto* conv = std::get_if<FusedConv>(&node.op);
  if (conv == nullptr || !conv->channels_last || conv->group != 1) return false;
  const Shape& x = graph.shape(node.inputs[0]);
  if (x.rank() != 4 || x[3] > kMostChannels || input_of(node, 3) != kNone ||
      graph.type(node.inputs[0]).dtype != DataType::kFloat32 ||
      !graph.is_constant(node.inputs[1])) {
    return false;
  }
  return std::ranges::all_of(
      conv->axes(x, graph.shape(node.inputs[1])),
      [](const WindowAxis& axis) { return axis.dilation == 1 && axis.stride % 2 == 0; });
}

/// A pool that an ImageConv computes too, after one that does not yet; in between its result may
/// become codes.
bool fuse_pool(Graph& graph, const Node& node) {
  const auto* pool = std::get_if<MaxPool>(&node.op);
  if (pool == nullptr) return false;
  ValueId x = node.inputs[0];
  const auto codes = quantizer(graph, graph.value(x).producer);
  if (codes && sole_reader(graph, x) != kNone) x = graph.node(codes->node).inputs[0];
  const auto* conv = graph.producer_op<ImageConv>(x);
  if (conv == nullptr || conv->pooled || !pool->channels_last || node.outputs.size() != 1 ||
      sole_reader(graph, x) == kNone) {
    return false;
  }
  if (!ImageConv::is_pool(*pool, graph.shape(x))) return false;
  ImageConv pooled = *conv;
  pooled.pooled = true;
  if (codes) {
    pooled.y_dtype = codes->type;
    pooled.y_scale = codes->scale;
  }
  GraphEdit edit(graph);
  const Node convolution = *graph.producer(x);
  edit.replace(node.outputs[0], edit.add_node(pooled, convolution.inputs, convolution.name));
  edit.apply();
  return true;
}

}  // namespace

bool fuse_images(Graph& graph) {
  return rewrite_nodes(graph, [&](NodeId id) {
    const Node node = graph.node(id);
    if (fuse_pool(graph, node)) return true;
    if (!is_first_convolution(graph, node)) return false;
    const Shape& x = graph.shape(node.inputs[0]);
    Images images{.x = node.inputs[0], .offset = std::vector<double>(static_cast<size_t>(x[3]))};
    while (step_up(graph, images)) {
    }
    if (!images.changed) return false;
    const auto& conv = std::get<FusedConv>(node.op);
    ImageConv op;
    static_cast<WindowAttributes&>(op) = conv;
    op.activation = conv.activation;
    op.channels_last = images.channels_last;
    const Shape shape = images.channels_last ? x : Shape{x[0], x[3], x[1], x[2]};
    GraphEdit edit(graph);
    const Tensor offset = cast(Tensor::from<double>({x[3]}, images.offset), DataType::kFloat32);
    const std::vector<ValueId> inputs = {add_reshape(edit, images.x, shape, node.name),
                                         node.inputs[1], input_of(node, 2),
                                         edit.add_constant(offset, node.name + ".offset")};
    edit.replace(node.outputs[0], edit.add_node(op, inputs, node.name));
    edit.apply();
    return true;
  });
}

}  // namespace tendon
