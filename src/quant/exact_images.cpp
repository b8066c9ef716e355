#include "quant/exact_images.h"

#include <algorithm>
#include <cmath>

#include "ops/elements.h"
#include "passes/view.h"
#include "quant/weight_layers.h"

namespace tendon {
namespace {

constexpr double kBytes = 255;
/// What is subtracted, and what the added channel holds so that its code is the largest int8;
/// bytes.
constexpr double kMiddle = 128;
constexpr double kInside = 127;

/// A convolution of frames minus a mean, with the views between the two.
struct Match {
  ValueId frames = kNone;
  double steps = kBytes;      ///< bytes k are k / steps in the frames
  double factor = 1;          ///< what the frames are multiplied by before the Sub
  ValueId offset = kNone;     ///< what the Sub makes
  std::vector<NodeId> views;  ///< from the Sub down to the convolution
  std::vector<double> mean;   ///< one a channel of the convolution's input

  double middle() const { return kMiddle / steps; }
  double inside() const { return kInside / steps; }
};

/// The constant that is subtracted from each channel of the convolution's input, if it is one.
std::optional<std::vector<double>> channel_means(const Graph& graph, const Node& subtract,
                                                 const std::vector<NodeId>& views,
                                                 const Shape& input) {
  const Tensor& mean = *graph.value(subtract.inputs[1]).constant;
  const Shape& shape = graph.shape(subtract.outputs[0]);
  Tensor all = copy_strided(mean, shape, broadcast_strides(mean.shape(), shape));
  for (const NodeId id : views) {
    std::vector<Tensor> inputs{all};
    const Node& view = graph.node(id);
    for (size_t i = 1; i < view.inputs.size(); ++i) {
      if (!graph.is_constant(view.inputs[i])) return std::nullopt;
      inputs.push_back(*graph.value(view.inputs[i]).constant);
    }
    all = reference(view.op, inputs)[0];
  }
  const AxisSplit split = split_at(input, 1);
  const std::vector<double> values = to_doubles(all);
  std::vector<double> means(static_cast<size_t>(split.count));
  for (size_t i = 0; i < values.size(); ++i) {
    const auto channel = static_cast<size_t>(static_cast<int64_t>(i) / split.inner % split.count);
    const bool first = static_cast<int64_t>(i) < split.inner * split.count &&
                       static_cast<int64_t>(i) % split.inner == 0;
    if (first) means[channel] = values[i];
    if (values[i] != means[channel]) return std::nullopt;
  }
  return means;
}

/// Whether `id` is made of uint8 elements, moved at most.
bool is_bytes(const Graph& graph, ValueId id) {
  const ValueId base = view_of(graph, id).base;
  return graph.producer_op<Cast>(base) != nullptr &&
         graph.type(graph.producer(base)->inputs[0]).dtype == DataType::kUInt8;
}

/// Finds bytes as they are before a scalar factor, if `frames` are that.
void find_bytes(const Graph& graph, Match& found) {
  const auto* binary = graph.producer_op<Binary>(found.frames);
  ValueId bytes = found.frames;
  double factor = 1;
  if (binary != nullptr) {
    const Node& node = *graph.producer(found.frames);
    const auto scalar = constant_scalar(graph, node.inputs[1]);
    const bool divides = binary->kind == BinaryKind::kDiv;
    if (!scalar || *scalar == 0 || (!divides && binary->kind != BinaryKind::kMul)) return;
    bytes = node.inputs[0];
    factor = divides ? 1 / *scalar : *scalar;
  }
  if (!is_bytes(graph, bytes) || graph.type(bytes) != graph.type(found.frames)) return;
  found.frames = bytes;
  found.steps = 1;
  found.factor = factor;
}

std::optional<Match> match(const Graph& graph, const Ranges& ranges, const WeightLayer& layer) {
  const Node& node = graph.node(layer.linear.node);
  const auto* conv = std::get_if<Conv>(&node.op);
  if (conv == nullptr || conv->group != 1) return std::nullopt;
  Match found;
  ValueId value = layer.input;
  for (const Node* above = graph.producer(value); above != nullptr && is_view_node(*above);
       above = graph.producer(value)) {
    found.views.insert(found.views.begin(), graph.value(value).producer);
    value = above->inputs[0];
  }
  const auto* binary = graph.producer_op<Binary>(value);
  if (binary == nullptr || binary->kind != BinaryKind::kSub) return std::nullopt;
  const Node& subtract = *graph.producer(value);
  found.frames = subtract.inputs[0];
  find_bytes(graph, found);
  const auto range = ranges.find(graph.value(found.frames).name);
  const bool exact = found.steps == 1 || (range != ranges.end() && range->second.byte_exact);
  if (!exact || !graph.is_constant(subtract.inputs[1]) ||
      graph.type(value).dtype != DataType::kFloat32 ||
      graph.shape(found.frames) != graph.shape(value)) {
    return std::nullopt;
  }
  auto means = channel_means(graph, subtract, found.views, graph.shape(layer.input));
  if (!means) return std::nullopt;
  found.offset = value;
  found.mean = std::move(*means);
  return found;
}

/// [w, v]: the weight with the channel that makes up for the offset.
Tensor with_offset_channel(const Tensor& weight, const Match& match) {
  const Shape& old_shape = weight.shape();
  Shape shape = old_shape;
  shape[1] += 1;
  const int64_t taps = split_at(old_shape, 1).inner;
  const std::vector<double> values = to_doubles(weight);
  std::vector<double> result;
  result.reserve(static_cast<size_t>(shape.element_count()));
  const auto channels = static_cast<int64_t>(match.mean.size());
  for (int64_t m = 0; m < shape[0]; ++m) {
    const double* from = values.data() + m * channels * taps;
    std::transform(from, from + channels * taps, std::back_inserter(result),
                   [&](double value) { return value * match.factor; });
    for (int64_t tap = 0; tap < taps; ++tap) {
      double sum = 0;
      for (int64_t c = 0; c < channels; ++c) {
        sum += from[c * taps + tap] *
               (match.middle() * match.factor - match.mean[static_cast<size_t>(c)]);
      }
      result.push_back(sum / match.inside());
    }
  }
  return cast(Tensor::from<double>(shape, result), DataType::kFloat32);
}

Tensor filled(const Shape& shape, float value) {
  Tensor tensor(DataType::kFloat32, shape);
  std::ranges::fill(tensor.mutable_data<float>(), value);
  return tensor;
}

/// The means of the new input's channels, where those of the old one are known.
std::vector<double> moved_means(const Ranges& ranges, const std::string& name, const Match& match) {
  const auto old_range = ranges.find(name);
  if (old_range == ranges.end() || old_range->second.channel_mean.size() != match.mean.size()) {
    return {};
  }
  std::vector<double> means = old_range->second.channel_mean;
  for (size_t c = 0; c < means.size(); ++c) {
    means[c] = (means[c] + match.mean[c]) / match.factor - match.middle();
  }
  means.push_back(match.inside());
  return means;
}

}  // namespace

int exact_images(Graph& graph, Ranges& ranges,
                 const std::function<bool(const Node& convolution)>& wanted) {
  int changed = 0;
  for (const WeightLayer& layer : weight_layers(graph)) {
    const auto found = match(graph, ranges, layer);
    if (!found || (wanted && !wanted(graph.node(layer.linear.node)))) continue;
    const Node node = graph.node(layer.linear.node);
    const std::string name = graph.value(layer.input).name;
    GraphEdit edit(graph);
    const ValueId middle = edit.add_constant(Tensor::scalar(static_cast<float>(found->middle())),
                                             node.name + ".middle");
    ValueId value =
        edit.add_node(Binary{BinaryKind::kSub}, {found->frames, middle}, node.name + ".center");
    for (const NodeId id : found->views) {
      const Node& view = graph.node(id);
      std::vector<ValueId> inputs = view.inputs;
      inputs[0] = value;
      value = edit.add_node(view.op, std::move(inputs), view.name);
    }
    Shape channel = graph.shape(layer.input);
    channel[1] = 1;
    const ValueId inside = edit.add_constant(filled(channel, static_cast<float>(found->inside())),
                                             node.name + ".inside");
    value = edit.add_node(Concat{.axis = 1}, {value, inside}, node.name + ".frames");
    const ValueId weight =
        edit.add_constant(with_offset_channel(*graph.value(layer.weight).constant, *found),
                          graph.value(layer.weight).name);
    edit.set_input(layer.linear.node, 0, value);
    edit.set_input(layer.linear.node, 1, weight);
    edit.apply();
    TensorRange range;
    range.amax = found->inside();
    range.min = -found->middle();
    range.max = found->inside();
    range.channel_mean = moved_means(ranges, name, *found);
    ranges[graph.value(value).name] = std::move(range);
    ++changed;
  }
  return changed;
}

}  // namespace tendon
