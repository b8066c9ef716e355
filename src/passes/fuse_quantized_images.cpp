// The first integer convolution reads images as they come: their codes, their layout and the pool
// after it move into it.
#include <algorithm>

#include "passes/passes.h"
#include "passes/quantized.h"
#include "passes/view.h"

namespace tendon {
namespace {

/// Where the codes of a convolution come from.
struct ImageCodes {
  ValueId x = kNone;
  Shape shape;  ///< of the images in x
  bool channels_last = true;
  float offset = 0;
  float scale = 1;
  int64_t inside = 0;
};

/// The one value of a constant that all have.
std::optional<double> common_value(const Graph& graph, ValueId id) {
  if (!graph.is_constant(id) || graph.shape(id).element_count() == 0) return std::nullopt;
  const std::vector<double> values = to_doubles(*graph.value(id).constant);
  if (std::ranges::any_of(values, [&](double value) { return value != values[0]; })) {
    return std::nullopt;
  }
  return values[0];
}

/// `id` without Reshapes that keep the last three axes.
ValueId above_reshapes(const Graph& graph, ValueId id) {
  for (;;) {
    const Node* node = graph.producer(id);
    if (node == nullptr || !std::holds_alternative<Reshape>(node->op)) return id;
    const Shape& from = graph.shape(node->inputs[0]);
    const Shape& to = graph.shape(id);
    if (from.rank() < 3 || to.rank() < 3 || !std::equal(from.end() - 3, from.end(), to.end() - 3)) {
      return id;
    }
    id = node->inputs[0];
  }
}

/// Goes on from the floats of bytes to the bytes, and from planes to the frames that they were.
void take_bytes(const Graph& graph, ImageCodes& images) {
  const auto* conversion = graph.producer_op<Cast>(images.x);
  if (conversion == nullptr) return;
  const ValueId bytes = graph.producer(images.x)->inputs[0];
  if (graph.type(bytes).dtype != DataType::kUInt8) return;
  images.x = above_reshapes(graph, bytes);
  const Node* move = graph.producer(images.x);
  if (images.channels_last || move == nullptr || !makes_planes(graph, *move)) return;
  images.x = above_reshapes(graph, move->inputs[0]);
  images.channels_last = true;
  images.shape = permuted(images.shape, std::vector<int64_t>{0, 2, 3, 1});
}

/// `id` is [Transpose to channels last](Concat(Q(x - offset), inside)), with Reshapes in between.
std::optional<ImageCodes> image_codes(const Graph& graph, ValueId id) {
  ImageCodes found;
  if (const auto* transpose = graph.producer_op<Transpose>(id)) {
    const std::vector<int64_t> to_last = {0, 2, 3, 1};
    if (transpose->permutation(graph.shape(id).rank()) != to_last) return std::nullopt;
    found.channels_last = false;
    id = graph.producer(id)->inputs[0];
  }
  const auto* concat = graph.producer_op<Concat>(id);
  if (concat == nullptr || graph.type(id).dtype != DataType::kInt8 ||
      normalize_axis(concat->axis, graph.shape(id).rank()) != (found.channels_last ? 3 : 1)) {
    return std::nullopt;
  }
  const std::vector<ValueId>& parts = graph.producer(id)->inputs;
  if (parts.size() != 2) return std::nullopt;
  const auto inside = common_value(graph, parts[1]);
  const int channel_axis = found.channels_last ? 3 : 1;
  if (!inside || graph.shape(parts[1])[channel_axis] != 1) return std::nullopt;
  found.inside = static_cast<int64_t>(*inside);
  found.shape = graph.shape(parts[0]);
  const auto quantize = quantizer(graph, graph.value(above_reshapes(graph, parts[0])).producer);
  if (!quantize || quantize->type != DataType::kInt8) return std::nullopt;
  found.scale = quantize->scale;
  found.x = above_reshapes(graph, graph.node(quantize->node).inputs[0]);
  const auto* subtract = graph.producer_op<Binary>(found.x);
  if (subtract == nullptr || subtract->kind != BinaryKind::kSub) return std::nullopt;
  const Node& node = *graph.producer(found.x);
  const auto offset = common_value(graph, node.inputs[1]);
  if (!offset || graph.shape(node.inputs[0]) != graph.shape(found.x)) return std::nullopt;
  found.offset = static_cast<float>(*offset);
  found.x = above_reshapes(graph, node.inputs[0]);
  take_bytes(graph, found);
  return found;
}

bool is_stem_pool(const Graph& graph, const Node& node) {
  const auto* pool = std::get_if<MaxPool>(&node.op);
  if (pool == nullptr || !pool->channels_last || node.outputs.size() != 1) return false;
  return ImageConv::is_pool(*pool, graph.shape(node.inputs[0]));
}

}  // namespace

bool fuse_quantized_images(Graph& graph) {
  return rewrite_nodes(graph, [&](NodeId id) {
    const Node node = graph.node(id);
    if (!is_stem_pool(graph, node) || sole_reader(graph, node.inputs[0]) == kNone) return false;
    const auto* conv = graph.producer_op<QuantizedConv>(node.inputs[0]);
    if (conv == nullptr || !conv->channels_last || conv->group != 1) return false;
    const Node convolution = *graph.producer(node.inputs[0]);
    if (input_of(convolution, 4) != kNone ||
        graph.type(node.inputs[0]).dtype == DataType::kFloat32 ||
        graph.shape(convolution.inputs[0]).rank() != 4) {
      return false;
    }
    const auto codes = image_codes(graph, convolution.inputs[0]);
    if (!codes) return false;
    QuantizedImageConv op;
    static_cast<WindowAttributes&>(op) = *conv;
    op.activation = conv->activation;
    op.channels_last = codes->channels_last;
    op.offset = codes->offset;
    op.x_scale = codes->scale;
    op.inside = codes->inside;
    op.y_dtype = conv->y_dtype;
    op.y_scale = conv->y_scale;
    GraphEdit edit(graph);
    std::vector<ValueId> inputs = convolution.inputs;
    inputs[0] = add_reshape(edit, codes->x, codes->shape, convolution.name);
    edit.replace(node.outputs[0], edit.add_node(op, std::move(inputs), convolution.name));
    edit.apply();
    return true;
  });
}

}  // namespace tendon
