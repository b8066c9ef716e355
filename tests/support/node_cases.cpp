#include "support/node_cases.h"

#include <algorithm>
#include <functional>
#include <set>

#include "base/data_type.h"
#include "base/file.h"
#include "ir/infer.h"
#include "onnx/graph_reader.h"

namespace tendon::testing {
namespace {

Tensor load_tensor(const std::filesystem::path& path) {
  return tensor_from_proto_bytes(MappedFile::open(path.string())->bytes());
}

/// Reads models of opsets before 9 as 9: no operator of the set changed in between.
Graph import(const std::filesystem::path& path) {
  const auto file = MappedFile::open(path.string());
  ModelProto model = read_model(file->bytes());
  const auto is_default = [](const auto& opset) { return opset.first.empty(); };
  auto found = std::ranges::find_if(model.opsets, is_default);
  if (found == model.opsets.end()) found = model.opsets.insert(found, {"", 0});
  found->second = std::max<int64_t>(found->second, 9);
  return graph_from_model(model, {file, nullptr}, {.check_finite = false});
}

using Chooses = std::function<bool(const GraphInput&)>;

/// The same graph with the chosen inputs as constants.
Graph with_constants(const Graph& graph, const TensorMap& values, const Chooses& chooses) {
  Graph result;
  std::map<ValueId, ValueId> ids{{kNone, kNone}};
  for (const GraphInput& input : graph.inputs()) {
    const std::string& name = graph.value(input.value).name;
    ids[input.value] = chooses(input) ? result.add_constant(values.at(name), name)
                                      : result.add_input(name, values.at(name).dtype(), input.dims);
  }
  for (ValueId id = 0; id < static_cast<ValueId>(graph.values().size()); ++id) {
    const Value& value = graph.value(id);
    if (value.constant) ids[id] = result.add_constant(*value.constant, value.name);
  }
  for (const NodeId id : graph.topological_order()) {
    const Node& node = graph.node(id);
    std::vector<ValueId> inputs;
    for (const ValueId input : node.inputs) inputs.push_back(ids.at(input));
    std::vector<std::string> names;
    for (const ValueId output : node.outputs) {
      names.push_back(output == kNone ? "" : graph.value(output).name);
    }
    const NodeId copy = result.add_node(node.op, std::move(inputs), std::move(names), node.name);
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      ids[node.outputs[i]] = result.node(copy).outputs[i];
    }
  }
  for (const ValueId output : graph.outputs()) result.add_output(ids.at(output));
  return result;
}

void fix_shapes(Graph& graph, const TensorMap& values) {
  std::map<std::string, Shape> shapes;
  for (const GraphInput& input : graph.inputs()) {
    const std::string& name = graph.value(input.value).name;
    shapes.emplace(name, values.at(name).shape());
  }
  bind_inputs(graph, shapes);
}

}  // namespace

std::vector<NodeCase> find_node_cases(const std::filesystem::path& data) {
  constexpr std::string_view kPrefix = "test_";
  std::vector<NodeCase> cases;
  for (const auto& entry : std::filesystem::directory_iterator(data / "node")) {
    const std::string folder = entry.path().filename().string();
    if (!folder.starts_with(kPrefix)) continue;
    cases.push_back({folder.substr(kPrefix.size()), entry.path()});
  }
  std::ranges::sort(cases, {}, &NodeCase::name);
  return cases;
}

std::vector<std::string> operator_types(const NodeCase& node_case) {
  const auto file = MappedFile::open((node_case.folder / "model.onnx").string());
  std::set<std::string> types;
  for (const NodeProto& node : read_model(file->bytes()).graph.nodes) {
    types.insert(std::string(node.type));
  }
  return {types.begin(), types.end()};
}

ReadyCase read_case(const NodeCase& node_case, std::optional<DataType> as) {
  ReadyCase ready;
  const Graph graph = import(node_case.folder / "model.onnx");
  const std::filesystem::path data = node_case.folder / "test_data_set_0";
  int index = 0;
  for (const GraphInput& input : graph.inputs()) {
    ready.inputs[graph.value(input.value).name] =
        load_tensor(data / fmt::format("input_{}.pb", index++));
  }
  if (as && !graph.inputs().empty()) {
    const DataType first = graph.inputs()[0].dtype;
    for (auto& [name, tensor] : ready.inputs) {
      if (tensor.dtype() == first) tensor = cast(tensor, *as);
    }
  }
  index = 0;
  for (const ValueId output : graph.outputs()) {
    ready.outputs[graph.value(output).name] =
        load_tensor(data / fmt::format("output_{}.pb", index++));
  }
  const Chooses attempts[] = {
      [](const GraphInput&) { return false; },
      [](const GraphInput& input) { return is_integer(input.dtype); },
      [](const GraphInput&) { return true; },
  };
  for (size_t i = 0; i < std::size(attempts); ++i) {
    try {
      ready.graph = with_constants(graph, ready.inputs, attempts[i]);
      fix_shapes(ready.graph, ready.inputs);
      break;
    } catch (const Error& error) {
      const bool decides_shape =
          std::string_view(error.what()).find("decides a shape") != std::string_view::npos;
      if (!decides_shape || i + 1 == std::size(attempts)) throw;
    }
  }
  return ready;
}

}  // namespace tendon::testing
