#include "onnx/graph_writer.h"

#include <algorithm>
#include <set>
#include <unordered_set>

#include "ir/infer.h"
#include "onnx/expand.h"
#include "onnx/exporter.h"
#include "onnx/lower.h"
#include "onnx/node_writer.h"
#include "onnx/proto_writer.h"
#include "onnx/unique_names.h"
#include "onnx/unsupported.h"

namespace tendon {
namespace {

/// The version of the file format that came with an opset.
int64_t ir_version_of(int opset) {
  if (opset >= 21) return 10;
  if (opset >= 19) return 9;
  return opset >= 15 ? 8 : 7;
}

/// One name a value: inputs and outputs keep theirs, the others as far as they are unique.
std::vector<std::string> name_values(const Graph& graph, UniqueNames& names) {
  std::vector<std::string> result(graph.values().size());
  const auto name_value = [&](ValueId id) {
    std::string& name = result[static_cast<size_t>(id)];
    if (name.empty()) name = names.take(graph.value(id).name, fmt::format("value_{}", id));
  };
  for (const GraphInput& input : graph.inputs()) name_value(input.value);
  for (const ValueId output : graph.outputs()) name_value(output);
  for (ValueId id = 0; id < static_cast<ValueId>(result.size()); ++id) name_value(id);
  return result;
}

/// Types of all values where every open dimension has size `size`.
Graph bound_copy(const Graph& graph, int64_t size) {
  Graph copy = graph;
  std::map<std::string, Shape> shapes;
  for (const GraphInput& input : graph.inputs()) {
    Shape shape;
    for (const Dim& dim : input.dims) shape.push_back(dim.fixed() ? dim.size : size);
    shapes.emplace(graph.value(input.value).name, shape);
  }
  bind_inputs(copy, shapes);
  return copy;
}

struct OutputInfo {
  DataType dtype;
  std::vector<Dim> dims;
};

/// The symbol of all open dimensions of the inputs, "" where they have several or none.
std::string only_symbol(const Graph& graph) {
  std::set<std::string> symbols;
  for (const GraphInput& input : graph.inputs()) {
    for (const Dim& dim : input.dims) {
      if (!dim.fixed()) symbols.insert(dim.symbol);
    }
  }
  return symbols.size() == 1 ? *symbols.begin() : "";
}

/// Dimensions that differ between two bindings of the open ones are left open; `small` is the one
/// to size 1.
std::vector<OutputInfo> output_infos(const Graph& graph, const Graph& small) {
  const bool open = std::ranges::any_of(graph.inputs(), [](const GraphInput& input) {
    return !std::ranges::all_of(input.dims, &Dim::fixed);
  });
  const std::string symbol = only_symbol(graph);
  std::optional<Graph> large;
  if (open) {
    try {
      large = bound_copy(graph, 2);
    } catch (const Error&) {
      // The graph only runs at size 1: all that can be said of the outputs is their rank.
    }
  }
  std::vector<OutputInfo> infos;
  for (const ValueId output : graph.outputs()) {
    const TensorType& type = small.type(output);
    OutputInfo info{type.dtype, {}};
    for (int axis = 0; axis < type.shape.rank(); ++axis) {
      const int64_t size = type.shape[axis];
      const int64_t other = !open ? size : large ? large->shape(output)[axis] : -1;
      if (size == other) {
        info.dims.push_back({size, ""});
      } else {
        info.dims.push_back({-1, size == 1 && other == 2 ? symbol : ""});
      }
    }
    infos.push_back(std::move(info));
  }
  return infos;
}

class GraphWriter {
 public:
  GraphWriter(const Graph& graph, int opset)
      : graph_(graph),
        opset_(opset),
        bound_(bound_copy(graph, 1)),
        names_(name_values(graph, value_names_)) {}

  ModelParts write() {
    write_nodes();
    parts_.graph.text(2, graph_.name.empty() ? "graph" : graph_.name);
    for (const GraphInput& input : graph_.inputs()) {
      parts_.graph.message(11, value_info_message(name(input.value), input.dtype, input.dims));
    }
    write_outputs();
    collect_weights();
    write_model();
    return std::move(parts_);
  }

 private:
  const std::string& name(ValueId id) const { return names_[static_cast<size_t>(id)]; }
  void write_nodes();
  bool write_lowered(const OnnxNode& onnx, const Node& node);
  void write_node(OnnxNode& onnx, const Op& op, const FindConstant& find_constant);
  void write_outputs();
  void collect_weights();
  void write_model();
  OnnxNode onnx_node(const Node& node);

  const Graph& graph_;
  int opset_;
  /// With types, open dimensions being 1.
  Graph bound_;
  UniqueNames value_names_;
  UniqueNames node_names_;
  std::vector<std::string> names_;
  /// Constants that some written node reads.
  std::unordered_set<std::string> read_;
  ModelParts parts_;
};

OnnxNode GraphWriter::onnx_node(const Node& node) {
  OnnxNode onnx;
  onnx.type = type_of(node.op);
  onnx.name = node_names_.take(node.name, fmt::format("{}_{}", onnx.type, node.outputs[0]));
  onnx.opset = opset_;
  for (const ValueId input : node.inputs) {
    onnx.inputs.push_back(input == kNone ? "" : name(input));
  }
  for (const ValueId output : node.outputs) {
    const bool left_out =
        output == kNone || (graph_.use_count(output) == 0 && graph_.value(output).name.empty());
    onnx.outputs.push_back(left_out ? "" : name(output));
  }
  return onnx;
}

void GraphWriter::write_nodes() {
  Unsupported unsupported;
  for (const NodeId id : graph_.topological_order()) {
    const Node& node = graph_.node(id);
    OnnxNode onnx = onnx_node(node);
    try {
      if (write_lowered(onnx, node)) continue;
      write_node(onnx, node.op, [&](const std::string& wanted) -> const Tensor* {
        for (const ValueId input : node.inputs) {
          if (graph_.is_constant(input) && name(input) == wanted) {
            return &*graph_.value(input).constant;
          }
        }
        return nullptr;
      });
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kUnsupported) throw error.within(place_of(node));
      unsupported.add(error.what(), node.name);
    }
  }
  unsupported.throw_if_any();
}

void GraphWriter::write_node(OnnxNode& onnx, const Op& op, const FindConstant& find_constant) {
  complete_node(onnx, op, find_constant);
  read_.insert(onnx.inputs.begin(), onnx.inputs.end());
  parts_.graph.message(1, node_message(onnx));
}

/// Writes what stands for the node where its opset lacks it; false where it has it.
bool GraphWriter::write_lowered(const OnnxNode& onnx, const Node& node) {
  if (node.inputs.empty() || node.inputs[0] == kNone) return false;
  const auto lowered = lower(onnx, node.op, bound_.type(node.inputs[0]),
                             [&](const std::string& wanted) { return value_names_.take(wanted); });
  if (!lowered) return false;
  for (const LoweredNode& part : lowered->nodes) {
    OnnxNode written{.type = std::string(type_of(part.op)), .opset = opset_};
    written.name = node_names_.take(fmt::format("{}/{}", onnx.name, written.type));
    written.inputs = part.inputs;
    written.outputs = part.outputs;
    write_node(written, part.op, [&](const std::string& wanted) -> const Tensor* {
      const auto found = std::ranges::find(lowered->constants, wanted, &Weight::name);
      return found == lowered->constants.end() ? nullptr : &found->tensor;
    });
  }
  for (const Weight& constant : lowered->constants) {
    if (read_.contains(constant.name)) parts_.weights.push_back(constant);
  }
  return true;
}

void GraphWriter::write_outputs() {
  const std::vector<OutputInfo> infos = output_infos(graph_, bound_);
  std::unordered_set<ValueId> seen;
  for (size_t i = 0; i < infos.size(); ++i) {
    const ValueId output = graph_.outputs()[i];
    std::string output_name = name(output);
    // ONNX lists an output once; a second one is a copy of the first.
    if (!seen.insert(output).second) {
      OnnxNode copy{.type = "Identity", .inputs = {output_name}};
      output_name = value_names_.take("", output_name + "_copy");
      copy.name = node_names_.take("", output_name);
      copy.outputs = {output_name};
      parts_.graph.message(1, node_message(copy));
    }
    read_.insert(output_name);
    parts_.graph.message(12, value_info_message(output_name, infos[i].dtype, infos[i].dims));
  }
}

void GraphWriter::collect_weights() {
  for (ValueId id = 0; id < static_cast<ValueId>(names_.size()); ++id) {
    if (graph_.is_constant(id) && read_.contains(name(id))) {
      parts_.weights.push_back({name(id), *graph_.value(id).constant});
    }
  }
}

void GraphWriter::write_model() {
  WireWriter& model = parts_.model;
  model.integer(1, ir_version_of(opset_));
  model.text(2, "tendon");
  WireWriter import;
  import.text(1, "");
  import.integer(2, opset_);
  model.message(8, import);
  for (const auto& [key, value] : graph_.metadata) {
    model.message(14, string_pair_message(key, value));
  }
}

}  // namespace

ModelParts model_parts_from_graph(const Graph& graph, int opset) {
  if (opset < kOldestExportOpset || opset > kNewestExportOpset) {
    fail(ErrorKind::kUsage, "cannot export to opset {}; choose {} to {}", opset, kOldestExportOpset,
         kNewestExportOpset);
  }
  return GraphWriter(graph, opset).write();
}

}  // namespace tendon
