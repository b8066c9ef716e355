#include "ir/infer.h"

#include <unordered_map>

#include "base/log.h"

namespace tendon {
namespace {

/// Small enough to be shape arithmetic; larger constants are folded by a pass, not here.
constexpr int64_t kMaxKnownElements = 4096;

std::string to_string(const std::vector<Dim>& dims) {
  std::string text = "(";
  for (const Dim& dim : dims) {
    if (text.size() > 1) text += ", ";
    text += dim.fixed() ? std::to_string(dim.size) : dim.symbol.empty() ? "?" : dim.symbol;
  }
  return text + ")";
}

bool small(const TensorType& type) { return type.shape.element_count() <= kMaxKnownElements; }

}  // namespace

std::vector<Shape> resolve_input_shapes(const Graph& graph,
                                        const std::map<std::string, Shape>& shapes) {
  std::map<std::string, int64_t> sizes;
  for (const auto& [name, shape] : shapes) {
    const GraphInput* found = nullptr;
    for (const GraphInput& input : graph.inputs()) {
      if (graph.value(input.value).name == name) found = &input;
    }
    if (found == nullptr) {
      std::vector<std::string> names;
      for (const GraphInput& input : graph.inputs()) names.push_back(graph.value(input.value).name);
      fail(ErrorKind::kUsage, "the model has no input '{}'; its inputs are {}", name,
           fmt::join(names, ", "));
    }
    bool fits = static_cast<int>(found->dims.size()) == shape.rank();
    for (int axis = 0; fits && axis < shape.rank(); ++axis) {
      const Dim& dim = found->dims[static_cast<size_t>(axis)];
      if (dim.fixed()) {
        fits = dim.size == shape[axis];
      } else if (!dim.symbol.empty()) {
        fits = sizes.try_emplace(dim.symbol, shape[axis]).first->second == shape[axis];
      }
    }
    if (!fits) {
      fail(ErrorKind::kUsage, "input '{}' was given shape {}, but the model has {}", name, shape,
           to_string(found->dims));
    }
  }
  std::vector<Shape> resolved;
  for (const GraphInput& input : graph.inputs()) {
    const std::string& name = graph.value(input.value).name;
    const auto given = shapes.find(name);
    Shape shape;
    for (size_t axis = 0; axis < input.dims.size(); ++axis) {
      const Dim& dim = input.dims[axis];
      const auto known = sizes.find(dim.symbol);
      if (dim.fixed()) {
        shape.push_back(dim.size);
      } else if (given != shapes.end()) {
        shape.push_back(given->second[static_cast<int>(axis)]);
      } else if (known != sizes.end()) {
        shape.push_back(known->second);
      } else {
        Logger::global().log_once(
            Severity::kWarning,
            fmt::format("Input '{}' has shape {}; dimensions left open become 1. Give shapes to "
                        "choose others.",
                        name, to_string(input.dims)));
        shape.push_back(1);
      }
    }
    resolved.push_back(shape);
  }
  return resolved;
}

void bind_inputs(Graph& graph, const std::map<std::string, Shape>& shapes) {
  const std::vector<Shape> resolved = resolve_input_shapes(graph, shapes);
  for (size_t i = 0; i < resolved.size(); ++i) {
    GraphInput& input = graph.inputs_[i];
    for (size_t axis = 0; axis < input.dims.size(); ++axis) {
      input.dims[axis].size = resolved[i][static_cast<int>(axis)];
    }
    graph.values_[static_cast<size_t>(input.value)].type = TensorType{input.dtype, resolved[i]};
  }
  infer_shapes(graph);
}

void infer_shapes(Graph& graph) {
  std::unordered_map<ValueId, Tensor> known;
  for (const NodeId id : graph.topological_order()) {
    const Node& node = graph.node(id);
    std::vector<Argument> arguments;
    bool all_known = true;
    for (const ValueId input : node.inputs) {
      if (input == kNone) {
        arguments.emplace_back();
        continue;
      }
      const Value& value = graph.value(input);
      const auto found = known.find(input);
      const Tensor* tensor = value.constant         ? &*value.constant
                             : found != known.end() ? &found->second
                                                    : nullptr;
      all_known = all_known && tensor != nullptr && small(tensor->type());
      arguments.push_back({graph.type(input), tensor, true});
    }
    try {
      const std::vector<TensorType> types = infer(node.op, arguments);
      if (types.size() < node.outputs.size()) {
        fail_input("has {} outputs, expected at most {}", node.outputs.size(), types.size());
      }
      bool outputs_small = true;
      for (size_t i = 0; i < node.outputs.size(); ++i) {
        if (node.outputs[i] == kNone) continue;
        graph.values_[static_cast<size_t>(node.outputs[i])].type = types[i];
        outputs_small = outputs_small && small(types[i]);
      }
      std::optional<std::vector<Tensor>> values = value_from_types(node.op, arguments);
      if (!values && all_known && outputs_small) {
        std::vector<Tensor> inputs;
        for (const Argument& argument : arguments) {
          inputs.push_back(argument.value != nullptr ? *argument.value : Tensor());
        }
        values = reference(node.op, inputs);
      }
      if (values) {
        for (size_t i = 0; i < node.outputs.size(); ++i) {
          if (node.outputs[i] != kNone) known[node.outputs[i]] = (*values)[i];
        }
      }
    } catch (const Error& error) {
      throw error.within(place_of(node));
    }
  }
}

}  // namespace tendon
