// Network: inputs as the model states them, outputs as shape inference finds them.
#include <tendon/network.h>

#include <algorithm>

#include "api/network_impl.h"
#include "base/data_type.h"
#include "ir/infer.h"

namespace tendon {
namespace {

std::vector<Axis> axes_of(const GraphInput& input) {
  std::vector<Axis> axes;
  for (const Dim& dim : input.dims) {
    axes.push_back(dim.fixed() ? Axis::of(dim.size) : Axis{1, kAnySize, dim.symbol});
  }
  return axes;
}

/// Shapes of all inputs with `symbol` at `size` and every other open axis at 1.
std::map<std::string, Shape> probe_shapes(const Graph& graph, const std::string& symbol,
                                          int64_t size) {
  std::map<std::string, Shape> shapes;
  for (const GraphInput& input : graph.inputs()) {
    Shape shape;
    for (const Dim& dim : input.dims) {
      shape.push_back(dim.fixed() ? dim.size : dim.symbol == symbol ? size : 1);
    }
    shapes[graph.value(input.value).name] = shape;
  }
  return shapes;
}

std::vector<TensorType> output_types(Graph graph, const std::map<std::string, Shape>& shapes) {
  bind_inputs(graph, shapes);
  std::vector<TensorType> types;
  for (const ValueId id : graph.outputs()) types.push_back(graph.type(id));
  return types;
}

std::vector<std::string> open_symbols(const Graph& graph) {
  std::vector<std::string> symbols;
  for (const GraphInput& input : graph.inputs()) {
    for (const Dim& dim : input.dims) {
      const bool known = std::find(symbols.begin(), symbols.end(), dim.symbol) != symbols.end();
      if (!dim.fixed() && !known) symbols.push_back(dim.symbol);
    }
  }
  return symbols;
}

/// Marks the axes that change when `symbol` does.
void mark_axes(std::vector<TensorInfo>& outputs, const std::vector<TensorType>& probed,
               const std::string& symbol, int64_t size) {
  for (size_t i = 0; i < outputs.size(); ++i) {
    std::vector<Axis>& axes = outputs[i].axes;
    for (size_t k = 0; k < axes.size(); ++k) {
      const int64_t found = probed[i].shape[static_cast<int>(k)];
      if (axes[k].fixed() && axes[k].min != found) {
        const bool follows = axes[k].min == 1 && found == size;
        axes[k] = {1, kAnySize, follows ? symbol : ""};
      }
    }
  }
}

}  // namespace

Network::Network(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

const std::string& Network::name() const { return impl_->graph.name; }

std::vector<TensorInfo> Network::inputs() const {
  std::vector<TensorInfo> infos;
  for (const GraphInput& input : impl_->graph.inputs()) {
    infos.push_back({impl_->graph.value(input.value).name, input.dtype, axes_of(input)});
  }
  return infos;
}

std::vector<TensorInfo> Network::outputs() const {
  const Graph& graph = impl_->graph;
  std::vector<TensorInfo> infos;
  const std::vector<TensorType> types = output_types(graph, probe_shapes(graph, "", 1));
  for (size_t i = 0; i < types.size(); ++i) {
    TensorInfo info{graph.value(graph.outputs()[i]).name, types[i].dtype, {}};
    for (const int64_t dim : types[i].shape) info.axes.push_back(Axis::of(dim));
    infos.push_back(std::move(info));
  }
  constexpr int64_t kProbe = 2;
  for (const std::string& symbol : open_symbols(graph)) {
    try {
      mark_axes(infos, output_types(graph, probe_shapes(graph, symbol, kProbe)), symbol, kProbe);
    } catch (const Error&) {
      // Only 1 fits inside the model, so no output axis can follow this symbol.
    }
  }
  return infos;
}

const std::map<std::string, std::string>& Network::metadata() const {
  return impl_->graph.metadata;
}

int64_t Network::node_count() const {
  int64_t count = 0;
  for (const Node& node : impl_->graph.nodes()) count += node.alive ? 1 : 0;
  return count;
}

int64_t Network::parameter_count() const {
  int64_t count = 0;
  for (const Value& value : impl_->graph.values()) {
    if (value.constant && is_floating(value.constant->dtype())) count += value.constant->size();
  }
  return count;
}

}  // namespace tendon
