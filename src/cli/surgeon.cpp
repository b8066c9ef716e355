// `tendon surgeon`: writes a part of a model, the model cleaned, or with a node more or less.
#include <CLI/CLI.hpp>
#include <algorithm>

#include "api/network_impl.h"
#include "base/log.h"
#include "cli/node_text.h"
#include "cli/output.h"
#include "cli/verb.h"
#include "ir/infer.h"
#include "ir/splice.h"
#include "ir/subgraph.h"
#include "onnx/exporter.h"
#include "onnx/importer.h"

namespace tendon::cli {
namespace {

struct SurgeonCommand {
  std::string action;
  std::string model;
  std::string output;
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  /// Of insert.
  std::string op;
  std::string name;
  std::vector<std::string> attributes;
  /// Of remove.
  std::vector<std::string> nodes;
  bool fold = false;
  bool cleanup = false;
  int opset = 17;
};

/// "image", "image:[1,3,N,N]" or "image:auto:float32", as Polygraphy writes it.
struct InputText {
  std::string name;
  std::string shape = "auto";
  std::string dtype = "auto";
};

bool is_shape(std::string_view text) {
  return text == "auto" || (text.starts_with('[') && text.ends_with(']'));
}

InputText parsed(const std::string& text) {
  InputText result{text};
  const size_t last = text.rfind(':');
  if (last == std::string::npos) return result;
  const std::string tail = text.substr(last + 1);
  const size_t before = text.rfind(':', last - 1);
  if (last > 0 && before != std::string::npos &&
      is_shape(text.substr(before + 1, last - before - 1))) {
    return {text.substr(0, before), text.substr(before + 1, last - before - 1), tail};
  }
  if (is_shape(tail)) return {text.substr(0, last), tail, "auto"};
  return result;
}

std::vector<Dim> dims_from(const std::string& shape) {
  std::vector<Dim> dims;
  std::string part;
  const auto finish = [&] {
    std::erase_if(part, [](char c) { return c == ' ' || c == '\'' || c == '"'; });
    if (part.empty()) fail(ErrorKind::kUsage, "shape '{}' has an empty dimension", shape);
    const bool number = std::ranges::all_of(part, [](char c) { return c >= '0' && c <= '9'; });
    if (number && part.size() > 15) fail(ErrorKind::kUsage, "dimension {} is too large", part);
    dims.push_back(number ? Dim{std::stoll(part), ""} : Dim{-1, part});
    part.clear();
  };
  if (shape == "[]") return dims;
  for (const char c : shape.substr(1, shape.size() - 2)) {
    if (c == ',') {
      finish();
    } else {
      part += c;
    }
  }
  finish();
  if (dims.size() > static_cast<size_t>(Shape::kMaxRank)) {
    fail(ErrorKind::kUsage, "shape '{}' has more than {} dimensions", shape, Shape::kMaxRank);
  }
  return dims;
}

/// The inputs with what is "auto" filled in: a model's input has its own type, an inner value the
/// one that it has where open dimensions are 1.
std::vector<CutInput> cut_inputs(const Graph& graph, const std::vector<std::string>& texts) {
  std::vector<CutInput> cuts;
  Graph bound;
  for (const std::string& text : texts) {
    const InputText input = parsed(text);
    const ValueId id = graph.find_value(input.name);
    CutInput cut{input.name, DataType::kFloat32, {}};
    const auto own = std::ranges::find(graph.inputs(), id, &GraphInput::value);
    if (own != graph.inputs().end()) {
      cut.dtype = own->dtype;
      cut.dims = own->dims;
    } else if (input.shape == "auto" || input.dtype == "auto") {
      if (bound.values().empty()) {
        bound = graph;
        bind_inputs(bound, {});
      }
      cut.dtype = bound.type(id).dtype;
      for (const int64_t size : bound.shape(id)) cut.dims.push_back({size, ""});
    }
    if (input.shape != "auto") cut.dims = dims_from(input.shape);
    if (input.dtype != "auto") cut.dtype = data_type_from_name(input.dtype);
    cuts.push_back(std::move(cut));
  }
  return cuts;
}

std::vector<std::string> output_names(const Graph& graph) {
  std::vector<std::string> names;
  for (const ValueId output : graph.outputs()) names.push_back(graph.value(output).name);
  return names;
}

/// The model's inputs, some of them with another type.
std::vector<CutInput> overridden_inputs(const Graph& graph, std::vector<CutInput> changed) {
  std::vector<CutInput> all;
  for (const GraphInput& input : graph.inputs()) {
    const std::string& name = graph.value(input.value).name;
    const auto found = std::ranges::find(changed, name, &CutInput::name);
    if (found == changed.end()) {
      all.push_back({name, input.dtype, input.dims});
    } else {
      all.push_back(*found);
      changed.erase(found);
    }
  }
  if (!changed.empty()) {
    fail(ErrorKind::kUsage, "'{}' is no input of the model; 'surgeon extract' cuts at inner values",
         changed[0].name);
  }
  return all;
}

Graph inserted(const Graph& graph, const SurgeonCommand& options) {
  if (options.op.empty() || options.inputs.empty() || options.outputs.empty()) {
    fail(ErrorKind::kUsage, "insert needs --op, --inputs and --outputs");
  }
  SplicedNode node{options.name, op_from_text(options.op, options.attributes), options.inputs,
                   options.outputs};
  if (node.name.empty()) node.name = fmt::format("{}_{}", options.op, options.outputs[0]);
  return with_node_inserted(graph, node);
}

Graph operated(const Graph& graph, const SurgeonCommand& options) {
  if (options.action == "insert") return inserted(graph, options);
  if (options.action == "remove") {
    if (options.nodes.empty()) fail(ErrorKind::kUsage, "remove needs --nodes");
    return with_nodes_removed(graph, options.nodes);
  }
  std::vector<CutInput> inputs = cut_inputs(graph, options.inputs);
  if (options.action == "extract") {
    if (options.inputs.empty() && options.outputs.empty()) {
      fail(ErrorKind::kUsage, "extract needs --inputs or --outputs");
    }
    return subgraph(graph, inputs, options.outputs.empty() ? output_names(graph) : options.outputs);
  }
  if (!options.fold && !options.cleanup && options.inputs.empty() && options.outputs.empty()) {
    fail(ErrorKind::kUsage,
         "sanitize needs --fold-constants, --cleanup, or --inputs or --outputs to change");
  }
  if (!options.inputs.empty()) inputs = overridden_inputs(graph, std::move(inputs));
  Graph result = options.fold ? with_constants_folded(graph) : graph;
  if (!options.cleanup && options.inputs.empty() && options.outputs.empty()) return result;
  return subgraph(result, inputs, options.outputs.empty() ? output_names(graph) : options.outputs);
}

size_t node_count(const Graph& graph) {
  return static_cast<size_t>(std::ranges::count_if(graph.nodes(), &Node::alive));
}

bool run(const SurgeonCommand& options, const CommonOptions& common) {
  const Graph graph = graph_from_onnx_path(options.model);
  const Graph result = operated(graph, options);
  // What is written can be read and its shapes fit.
  Graph checked = result;
  bind_inputs(checked, {});
  write_onnx_file(result, options.output, {.opset = options.opset});
  log_info("Saving ONNX model to {}", options.output);
  std::vector<std::string> inputs;
  for (const GraphInput& input : result.inputs()) inputs.push_back(result.value(input.value).name);
  const std::vector<std::string> outputs = output_names(result);
  if (common.json) {
    print_json(Json{{"output", options.output},
                    {"opset", options.opset},
                    {"inputs", inputs},
                    {"outputs", outputs},
                    {"nodes_before", node_count(graph)},
                    {"nodes", node_count(result)}});
  } else {
    print_text(fmt::format("{}: {} of {} nodes, inputs {}, outputs {}\n", options.output,
                           node_count(result), node_count(graph), fmt::join(inputs, ", "),
                           fmt::join(outputs, ", ")));
  }
  return true;
}

}  // namespace

Verb surgeon_verb() {
  return {"surgeon", "Write a part of a model, cleaned, or with a node more or less, as ONNX",
          "  tendon surgeon extract policy.onnx --inputs 'image:auto:auto' --outputs features "
          "-o part.onnx\n"
          "  tendon surgeon sanitize policy.onnx --fold-constants --cleanup -o clean.onnx\n"
          "  tendon surgeon sanitize policy.onnx --inputs 'image:[1,3,480,640]' -o fixed.onnx\n"
          "  tendon surgeon insert policy.onnx --op Tanh --inputs action --outputs action "
          "-o bounded.onnx\n"
          "  tendon surgeon remove policy.onnx --nodes /head/Tanh -o raw.onnx",
          [](CLI::App& app, const CommonOptions& common) -> std::function<bool()> {
            const auto options = std::make_shared<SurgeonCommand>();
            app.add_option("ACTION", options->action, "extract, sanitize, insert or remove")
                ->required()
                ->check(CLI::IsMember({"extract", "sanitize", "insert", "remove"}));
            app.add_option("MODEL", options->model, "ONNX model")->required();
            app.add_option("-o,--output", options->output, "File to write")
                ->required()
                ->type_name("FILE");
            app.add_option(
                "--inputs", options->inputs,
                "Values that become inputs, NAME[:SHAPE[:TYPE]]; SHAPE as [1,3,N] or auto, "
                "TYPE as float32 or auto. sanitize changes inputs of the model; insert: the values "
                "that the node reads, by name, \"\" for one that is left out");
            app.add_option(
                "--outputs", options->outputs,
                "Values that become outputs, by name; insert: what the node makes: a value "
                "of the model, whose readers read the node's from then on, or a new output");
            app.add_option("--op", options->op, "Type of the node, such as Relu (insert)");
            app.add_option("--name", options->name, "Name of the node (insert)");
            app.add_option("--attrs", options->attributes,
                           "Attributes as NAME=VALUE: axis=1, alpha=0.5, perm=[0,2,1] (insert)");
            app.add_option(
                "--nodes", options->nodes,
                "Nodes to leave out, by name; what read a node reads its first input (remove)");
            app.add_flag("--fold-constants", options->fold,
                         "Compute what depends on constants alone (sanitize)");
            app.add_flag("--cleanup", options->cleanup, "Drop what no output needs (sanitize)");
            app.add_option("--opset", options->opset, "ONNX operator set, 13 to 21")
                ->check(CLI::Range(kOldestExportOpset, kNewestExportOpset))
                ->capture_default_str();
            return [options, &common] { return run(*options, common); };
          }};
}

}  // namespace tendon::cli
