#include "quant/quantization_plan.h"

#include <algorithm>

#include "passes/quantized.h"
#include "quant/topology.h"

namespace tendon {
namespace {

constexpr int64_t kLeastExtent = 16;
constexpr int64_t kLeastShare = 2000;

class Planner {
 public:
  Planner(const Graph& graph, const QuantizationRequest& request)
      : graph_(graph),
        request_(request),
        layers_(weight_layers(graph)),
        decoder_(decoder_nodes(graph, layers_)),
        heads_(head_nodes(graph, layers_)),
        projections_(output_projections(graph, layers_)),
        total_(total_multiply_adds(graph)) {}

  QuantizationPlan plan() {
    check_names();
    QuantizationPlan plan;
    for (const WeightLayer& layer : layers_) {
      const std::string reason = reason_to_keep(layer);
      if (reason.empty()) {
        plan.int8_layers.insert(layer.name);
      } else {
        plan.kept[layer.name] = reason;
      }
    }
    return plan;
  }

 private:
  /// The last override that matches, or nothing.
  std::optional<DataType> asked_type(const WeightLayer& layer) const {
    std::optional<DataType> found;
    for (const auto& [pattern, type] : request_.overrides) {
      if (fits_pattern(pattern, layer.name)) found = type;
    }
    return found;
  }

  std::string range_problem(const WeightLayer& layer) const {
    if (dequantized(graph_, layer.input)) return {};
    const TensorRange* range = range_of(graph_, request_.ranges, layer.input);
    const std::string& name = graph_.value(layer.input).name;
    if (range == nullptr) {
      return fmt::format("Missing scale and zero-point for tensor {}, which it reads", name);
    }
    const bool observed = !range->channel_mean.empty();
    if (observed && range->min == range->max) {
      return fmt::format("tensor {}, which it reads, was {} in every calibration frame", name,
                         range->max);
    }
    return {};
  }

  std::string reason_to_keep(const WeightLayer& layer) const {
    const auto asked = asked_type(layer);
    if (asked && *asked != DataType::kInt8) return fmt::format("asked for: {}", *asked);
    const std::string problem = range_problem(layer);
    if (!problem.empty() || asked) return problem;
    if (request_.layers) {
      return request_.layers->contains(layer.name) ? "" : "raised by the search for precisions";
    }
    const auto node = static_cast<size_t>(layer.linear.node);
    if (decoder_[node]) return "belongs to a cross-attention's decoder";
    if (heads_[node]) return "makes an output";
    if (projections_[node]) return "projects an attention's output, whose heads differ in range";
    const int64_t least = std::min({layer.rows, layer.depth, layer.channels});
    if (least < kLeastExtent || layer.multiply_adds() < total_ / kLeastShare) {
      return fmt::format("too small to be worth it ({} x {} x {})", layer.rows, layer.depth,
                         layer.channels);
    }
    return {};
  }

  void check_names() const {
    const auto known = [&](std::string_view pattern) {
      return std::ranges::any_of(
          layers_, [&](const WeightLayer& layer) { return fits_pattern(pattern, layer.name); });
    };
    for (const auto& [pattern, type] : request_.overrides) {
      if (type != DataType::kInt8 && type != DataType::kFloat32 && type != DataType::kFloat16 &&
          type != DataType::kBFloat16) {
        fail(ErrorKind::kUsage,
             "precision of '{}': found {}, expected int8, float32, float16 or bfloat16", pattern,
             type);
      }
      if (!known(pattern)) {
        fail(ErrorKind::kUsage,
             "precision of '{}': no layer with weights has that name; inspect MODEL --show layers "
             "lists them",
             pattern);
      }
    }
    if (!request_.layers) return;
    for (const std::string& name : *request_.layers) {
      if (!known(name)) fail(ErrorKind::kUsage, "INT8 layer '{}' is not in the network", name);
    }
  }

  const Graph& graph_;
  const QuantizationRequest& request_;
  std::vector<WeightLayer> layers_;
  NodeSet decoder_;
  NodeSet heads_;
  NodeSet projections_;
  int64_t total_;
};

}  // namespace

bool fits_pattern(std::string_view pattern, std::string_view name) {
  const size_t star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == name;
  if (!name.starts_with(pattern.substr(0, star))) return false;
  const std::string_view rest = pattern.substr(star + 1);
  for (size_t from = star; from <= name.size(); ++from) {
    if (fits_pattern(rest, name.substr(from))) return true;
  }
  return false;
}

QuantizationPlan plan_quantization(const Graph& graph, const QuantizationRequest& request) {
  return Planner(graph, request).plan();
}

const TensorRange* range_of(const Graph& graph, const Ranges& ranges, ValueId id) {
  for (;;) {
    const auto found = ranges.find(graph.value(id).name);
    if (found != ranges.end()) return &found->second;
    const Node* node = graph.producer(id);
    if (node == nullptr || !commutes_with_quantizing(*node)) return nullptr;
    id = node->inputs[0];
  }
}

}  // namespace tendon
