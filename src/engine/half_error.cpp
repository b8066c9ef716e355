// Every layer gets a twin that reads rounded operands; one run of the graph shows both results.
#include "engine/half_error.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/data_type.h"
#include "base/parallel.h"
#include "engine/context.h"
#include "engine/plan.h"
#include "engine/profile.h"
#include "ir/infer.h"

namespace tendon {
namespace {

/// A result of a layer as a run shows it, from the layer and from its twin.
struct Watched {
  size_t layer = 0;
  bool of_twin = false;
  std::string plain;  ///< the name under which the layer's own is shown
};

class TwinGraph {
 public:
  TwinGraph(const Graph& graph, std::span<const HalfLayer> layers) : old_(graph) {
    std::map<NodeId, size_t> numbers;
    for (size_t i = 0; i < layers.size(); ++i) numbers[layers[i].node] = i;
    for (const GraphInput& input : old_.inputs()) {
      full_[input.value] = made.add_input(old_.value(input.value).name, input.dtype, input.dims);
    }
    for (const NodeId id : old_.topological_order()) {
      const Node& node = old_.node(id);
      std::vector<ValueId> inputs;
      for (const ValueId input : node.inputs) inputs.push_back(full(input));
      const std::vector<ValueId> outputs = add(node, inputs, "");
      for (size_t i = 0; i < outputs.size(); ++i) full_[node.outputs[i]] = outputs[i];
      const auto number = numbers.find(id);
      if (number == numbers.end()) continue;
      for (const size_t input : layers[number->second].inputs) {
        inputs[input] = rounded(node.inputs[input]);
      }
      watch(node, outputs, number->second, false);
      watch(node, add(node, inputs, ".twin"), number->second, true);
    }
    for (const ValueId id : old_.outputs()) made.add_output(full(id));
    made.make_value_names_unique();
    infer_shapes(made);
  }

  Graph made;
  /// By name of the node that shows it.
  std::map<std::string, Watched, std::less<>> watched;

 private:
  /// Some operators have fast kernels on GPUs alone; their halves have them here too.
  std::vector<ValueId> add(const Node& node, const std::vector<ValueId>& inputs,
                           const std::string& suffix) {
    if (const auto* op = std::get_if<NormalizedMatMul>(&node.op)) {
      return add_halves(node, *op, op->product(), NormalizedMatMul::kScale, inputs, suffix);
    }
    if (const auto* op = std::get_if<QuantizedNormalizedMatMul>(&node.op)) {
      return add_halves(node, *op, op->product(DataType::kFloat32),
                        QuantizedNormalizedMatMul::kNormScale, inputs, suffix);
    }
    return add_node(node, node.op, inputs, suffix);
  }

  template <class Fused, class Product>
  std::vector<ValueId> add_halves(const Node& node, const Fused& op, Product product, size_t scale,
                                  const std::vector<ValueId>& inputs, const std::string& suffix) {
    const auto border = inputs.begin() + static_cast<ptrdiff_t>(scale);
    const std::string name = node.name + ".sums" + suffix;
    std::vector<ValueId> factors(inputs.begin(), border);
    factors.back() = residual_rows(node, scale, factors.back(), name);
    const NodeId sums = made.add_node(product, factors, {name}, name);
    std::vector<ValueId> operands{made.node(sums).outputs[0]};
    operands.insert(operands.end(), border, inputs.end());
    if (is_floating(op.codes_dtype)) return add_node(node, op.norm(), operands, suffix);
    QuantizedLayerNormalization norm;
    norm.epsilon = op.epsilon;
    norm.y_dtype = op.codes_dtype;
    norm.y_scale = op.codes_scale;
    return add_node(node, norm, operands, suffix);
  }

  /// The residual, which comes before the scale, without what its rows have behind the scale's
  /// columns.
  ValueId residual_rows(const Node& node, size_t scale, ValueId residual, const std::string& name) {
    const int64_t columns = old_.shape(node.inputs[scale]).element_count();
    if (residual == kNone || old_.shape(node.inputs[scale - 1]).back() == columns) return residual;
    std::vector<ValueId> inputs{residual};
    for (const int64_t bound : {int64_t{0}, columns, int64_t{-1}}) {
      inputs.push_back(made.add_constant(Tensor::from<int64_t>(Shape{1}, {bound}), name + ".rows"));
    }
    const NodeId slice = made.add_node(Slice{}, std::move(inputs), {name + ".rows"}, name);
    return made.node(slice).outputs[0];
  }

  std::vector<ValueId> add_node(const Node& node, Op op, const std::vector<ValueId>& inputs,
                                const std::string& suffix) {
    std::vector<std::string> names;
    for (const ValueId id : node.outputs) {
      names.push_back(id == kNone ? std::string() : old_.value(id).name + suffix);
    }
    const NodeId id = made.add_node(std::move(op), inputs, std::move(names), node.name + suffix);
    return made.node(id).outputs;
  }

  void watch(const Node& node, const std::vector<ValueId>& outputs, size_t layer, bool of_twin) {
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (outputs[i] == kNone || old_.type(node.outputs[i]).dtype != DataType::kFloat32) continue;
      const std::string plain = fmt::format("{}.{}", layer, i);
      const std::string name = of_twin ? plain + ".twin" : plain;
      Observe observe;
      observe.name = name;
      made.add_node(observe, {outputs[i]}, {"shown." + name}, name);
      watched[name] = {layer, of_twin, plain};
    }
  }

  ValueId full(ValueId id) {
    if (id == kNone) return kNone;
    if (const auto known = full_.find(id); known != full_.end()) return known->second;
    const Value& value = old_.value(id);
    return full_[id] = made.add_constant(*value.constant, value.name);
  }

  ValueId rounded(ValueId id) {
    if (const auto known = rounded_.find(id); known != rounded_.end()) return known->second;
    const Value& value = old_.value(id);
    if (value.constant) {
      const Tensor half = cast(*value.constant, DataType::kFloat16);
      return rounded_[id] =
                 made.add_constant(cast(half, DataType::kFloat32), value.name + ".rounded");
    }
    ValueId at = full(id);
    for (const DataType to : {DataType::kFloat16, DataType::kFloat32}) {
      const std::string name = fmt::format("{}.as.{}", value.name, to);
      at = made.node(made.add_node(Cast{.to = to}, {at}, {name}, name)).outputs[0];
    }
    return rounded_[id] = at;
  }

  const Graph& old_;
  std::map<ValueId, ValueId> full_, rounded_;
};

/// Squares summed over all frames.
struct Squares {
  double noise = 0;
  double signal = 0;
};

class Measurement {
 public:
  Measurement(const TwinGraph& twins, size_t layers, bool round_results)
      : twins_(twins), round_results_(round_results), squares_(layers) {}

  void look_at(const StepResult& result) {
    const auto found = twins_.watched.find(result.layer.name);
    if (found == twins_.watched.end()) return;
    const Watched& watched = found->second;
    const auto count = static_cast<size_t>(result.layer.outputs[0].shape.element_count());
    const std::span elements(static_cast<const float*>(result.outputs[0]), count);
    if (!watched.of_twin) {
      plain_[watched.plain].assign(elements.begin(), elements.end());
      return;
    }
    const auto plain = plain_.extract(watched.plain);
    TENDON_ASSERT(plain && plain.mapped().size() == count);
    add(plain.mapped(), elements, squares_[watched.layer]);
  }

  double error(size_t layer) const {
    const auto& [noise, signal] = squares_[layer];
    return noise == 0 ? 0 : std::sqrt(noise / signal);
  }

 private:
  void add(std::span<const float> plain, std::span<const float> twin, Squares& squares) const {
    for (size_t i = 0; i < plain.size(); ++i) {
      // Such as what a mask leaves out.
      if (!std::isfinite(plain[i])) continue;
      const float half = round_results_ ? static_cast<float>(Float16(twin[i])) : twin[i];
      if (!std::isfinite(half)) {
        squares.noise = std::numeric_limits<double>::infinity();
        continue;
      }
      const double value = plain[i];
      const double error = static_cast<double>(half) - value;
      squares.noise += error * error;
      squares.signal += value * value;
    }
  }

  const TwinGraph& twins_;
  bool round_results_;
  std::vector<Squares> squares_;
  std::map<std::string, std::vector<float>> plain_;
};

/// The graph's inputs from `frames`, of which the first one goes to the first place.
std::optional<TensorMap> inputs_from(const Graph& graph, std::span<const TensorMap> frames,
                                     size_t first) {
  TensorMap inputs;
  for (const GraphInput& input : graph.inputs()) {
    const TensorType& type = graph.type(input.value);
    const std::string& name = graph.value(input.value).name;
    const auto found = frames[first].find(name);
    if (found == frames[first].end() || found->second.dtype() != type.dtype) return std::nullopt;
    if (found->second.shape() == type.shape) {
      inputs[name] = found->second;
      continue;
    }
    Shape one = type.shape;
    if (one.rank() == 0) return std::nullopt;
    one[0] = 1;
    Tensor all(type.dtype, type.shape);
    auto* to = static_cast<std::byte*>(all.mutable_raw());
    for (int64_t i = 0; i < type.shape[0]; ++i) {
      const TensorMap& frame = frames[(first + static_cast<size_t>(i)) % frames.size()];
      const auto row = frame.find(name);
      if (row == frame.end() || row->second.type() != TensorType{type.dtype, one}) {
        return std::nullopt;
      }
      std::memcpy(to, row->second.raw(), row->second.byte_size());
      to += row->second.byte_size();
    }
    inputs[name] = all;
  }
  return inputs;
}

std::shared_ptr<const CompiledEngine> engine_of(const Graph& graph,
                                                std::span<Backend* const> backends, int threads) {
  EngineParts parts;
  parts.info.threads = threads;
  parts.info.optimised = false;
  parts.inputs = resolve_profile(graph, {});
  for (const ValueId id : graph.outputs()) {
    const TensorType& type = graph.type(id);
    parts.outputs.push_back(
        {graph.value(id).name, type.dtype, {type.shape, type.shape, type.shape}});
  }
  parts.graph = graph;
  parts.backends.assign(backends.begin(), backends.end());
  parts.plan = make_plan(parts.graph, parts.backends, {.threads = threads});
  return std::make_shared<const CompiledEngine>(std::move(parts));
}

}  // namespace

std::map<NodeId, double> half_errors(const Graph& graph, std::span<const HalfLayer> layers,
                                     std::span<const TensorMap> frames,
                                     std::span<Backend* const> backends, int threads,
                                     bool round_results) {
  if (layers.empty() || frames.empty()) return {};
  const ThreadCountScope scope(threads);
  const TwinGraph twins(graph, layers);
  ExecutionContext context(engine_of(twins.made, backends, threads));
  Measurement measurement(twins, layers.size(), round_results);
  for (size_t i = 0; i < frames.size(); ++i) {
    const auto inputs = inputs_from(graph, frames, i);
    if (!inputs) return {};
    context.infer(*inputs, nullptr, [&](const StepResult& step) { measurement.look_at(step); });
  }
  std::map<NodeId, double> errors;
  for (size_t i = 0; i < layers.size(); ++i) errors[layers[i].node] = measurement.error(i);
  return errors;
}

}  // namespace tendon
