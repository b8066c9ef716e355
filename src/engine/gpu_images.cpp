#include "engine/gpu_images.h"

#include <algorithm>

#include "passes/rewrite.h"
#include "quant/exact_images.h"

namespace tendon {
namespace {

constexpr int64_t kMostChannels = 4;

/// Whether a Relu and a pool of 3x3 windows alone follow, one after the other.
bool feeds_pool(const Graph& graph, const Node& conv) {
  ValueId y = conv.outputs[0];
  const auto* relu = sole_reader_op<Unary>(graph, y);
  if (relu != nullptr && relu->kind == UnaryKind::kRelu) {
    y = graph.node(sole_reader(graph, y)).outputs[0];
  }
  const auto* pool = sole_reader_op<MaxPool>(graph, y);
  return pool != nullptr && ImageConv::is_pool(*pool, graph.shape(y));
}

bool has_kernel_for_codes(const Graph& graph, const Node& node) {
  constexpr int64_t kTaps = 7;
  constexpr int64_t kOutputsAtOnce = 16;
  const auto* conv = std::get_if<Conv>(&node.op);
  if (conv == nullptr) return false;
  const Shape& weight = graph.shape(node.inputs[1]);
  const std::vector<int64_t> strides = {2, 2};
  return weight.rank() == 4 && weight[0] % kOutputsAtOnce == 0 && weight[1] < kMostChannels &&
         weight[2] == kTaps && weight[3] == kTaps && conv->group == 1 && conv->strides == strides &&
         std::ranges::all_of(conv->dilations, [](int64_t d) { return d == 1; }) &&
         feeds_pool(graph, node);
}

/// Whether the convolution reads what exact_images() made.
bool is_exact(const Graph& graph, const Node& conv) {
  const auto* concat = graph.producer_op<Concat>(conv.inputs[0]);
  return concat != nullptr && graph.is_constant(graph.producer(conv.inputs[0])->inputs.back());
}

}  // namespace

int exact_images_for_gpu(Graph& graph, Ranges& ranges) {
  return exact_images(graph, ranges,
                      [&](const Node& node) { return has_kernel_for_codes(graph, node); });
}

void keep_images_in_floats(const Graph& graph, QuantizationPlan& plan) {
  for (const Node& node : graph.nodes()) {
    if (!node.alive || !std::holds_alternative<Conv>(node.op) ||
        !plan.int8_layers.contains(node.name)) {
      continue;
    }
    const Shape& weight = graph.shape(node.inputs[1]);
    if (weight.rank() != 4 || weight[1] > kMostChannels || is_exact(graph, node)) continue;
    plan.int8_layers.erase(node.name);
    plan.kept[node.name] =
        fmt::format("reads images of {} channels; GPUs do that in floats", weight[1]);
  }
}

}  // namespace tendon
