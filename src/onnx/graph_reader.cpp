#include "onnx/graph_reader.h"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "base/finite.h"
#include "base/log.h"
#include "onnx/attribute_forms.h"
#include "onnx/expand.h"
#include "onnx/inline.h"
#include "onnx/node_order.h"
#include "onnx/node_reader.h"
#include "onnx/unique_names.h"
#include "onnx/unsupported.h"
#include "ops/constant.h"
#include "ops/onnx_type.h"

namespace tendon {
namespace {

/// Operators that multiply by their constants, where an infinity can only be damage.
constexpr std::string_view kWeightReaders[] = {
    "BatchNormalization",    "Conv", "ConvTranspose",      "GRU",    "Gemm", "GroupNormalization",
    "InstanceNormalization", "LSTM", "LayerNormalization", "MatMul", "RNN",
};

/// A node that Tendon supports, or a constant (then `op` is empty).
struct ReadyNode {
  OnnxNode onnx;
  std::optional<Op> op;
  Tensor constant;
};

using Opsets = std::map<std::string_view, int>;

int checked_opset(std::string_view domain, int64_t version) {
  const auto opset = static_cast<int>(std::clamp<int64_t>(version, -1, INT32_MAX));
  if (domain.empty() && (opset < kOldestOpset || opset > kNewestOpset)) {
    fail(ErrorKind::kUnsupported,
         "uses opset {}; Tendon reads opsets {} to {}. Export it again with another opset, or "
         "convert it with onnx.version_converter",
         opset, kOldestOpset, kNewestOpset);
  }
  return opset;
}

/// The version of each imported domain. Those of other domains only serve messages.
Opsets opsets_of(const ModelProto& model) {
  Opsets opsets;
  for (const auto& [domain, version] : model.opsets) {
    if (!opsets.emplace(domain, checked_opset(domain, version)).second) {
      fail_input("imports operator set '{}' twice", domain.empty() ? "ai.onnx" : domain);
    }
  }
  return opsets;
}

class GraphReader {
 public:
  GraphReader(const ModelProto& model, const TensorSource& source, const ImportOptions& options)
      : model_(model),
        proto_(model.graph),
        source_(source),
        options_(options),
        opsets_(opsets_of(model)) {}

  Graph read() {
    const std::vector<size_t> order = order_nodes(proto_);
    collect_names();
    for (const size_t index : order) prepare(proto_.nodes[index]);
    refuse_unsupported();
    graph_.name = proto_.name;
    for (const auto& [key, value] : model_.metadata) graph_.metadata.emplace(key, value);
    add_initializers();
    add_inputs();
    refuse_unsupported();
    for (ReadyNode& node : nodes_) add(std::move(node));
    for (const ValueInfoProto& output : proto_.outputs) {
      graph_.add_output(ids_.at(std::string(output.name)));
    }
    return std::move(graph_);
  }

 private:
  void collect_names();
  void refuse_unsupported() const {
    if (options_.unsupported != nullptr) *options_.unsupported = unsupported_.reasons();
    unsupported_.throw_if_any();
  }
  void prepare(const NodeProto& proto);
  void prepare(OnnxNode node);
  void prepare_simple(OnnxNode node);
  int opset_of(const NodeProto& proto) const;
  void add_initializers();
  void add_inputs();
  void add(ReadyNode node);
  void add_constant(const std::string& name, Tensor tensor);

  const ModelProto& model_;
  const GraphProto& proto_;
  const TensorSource& source_;
  const ImportOptions& options_;
  Opsets opsets_;
  Unsupported unsupported_;
  UniqueNames value_names_;
  UniqueNames node_names_;
  /// Names read by kWeightReaders, and by any node or output.
  std::unordered_set<std::string> weights_;
  std::unordered_set<std::string> used_;
  std::vector<ReadyNode> nodes_;
  Graph graph_;
  std::unordered_map<std::string, ValueId> ids_;
};

void GraphReader::collect_names() {
  for (const ValueInfoProto& input : proto_.inputs) value_names_.reserve(std::string(input.name));
  for (const TensorProto& tensor : proto_.initializers)
    value_names_.reserve(std::string(tensor.name));
  for (const NodeProto& node : proto_.nodes) {
    const bool reads_weights = std::ranges::count(kWeightReaders, node.type) > 0;
    for (const std::string_view output : node.outputs) value_names_.reserve(std::string(output));
    for (const std::string_view input : node.inputs) {
      used_.emplace(input);
      if (reads_weights) weights_.emplace(input);
    }
  }
  for (const ValueInfoProto& output : proto_.outputs) used_.emplace(output.name);
}

int GraphReader::opset_of(const NodeProto& proto) const {
  const std::string_view domain = proto.domain == "ai.onnx" ? "" : proto.domain;
  if (proto.opset) return checked_opset(domain, *proto.opset);
  const auto opset = opsets_.find(domain);
  if (opset == opsets_.end()) {
    fail_input("is of domain '{}', of which the model imports no version",
               domain.empty() ? "ai.onnx" : domain);
  }
  return opset->second;
}

/// Operators that Tendon lacks are noted; anything else that is wrong throws with the node's place.
void GraphReader::prepare(const NodeProto& proto) {
  try {
    if (proto.type == "If") {
      fail(ErrorKind::kUnsupported,
           "chooses a branch while running; only a constant condition is supported");
    }
    prepare(onnx_node_from_proto(proto, opset_of(proto), source_));
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kUnsupported) throw error.within(place_of(proto));
    const std::string_view name = proto.name.empty() ? proto.outputs[0] : proto.name;
    unsupported_.add(fmt::format("{} {}", proto.type, error.what()), std::string(name));
  }
}

void GraphReader::prepare(OnnxNode node) {
  if (node.name.empty()) node.name = node.outputs[0];
  Expansion expansion(node, [&](const std::string& name) { return value_names_.take(name); });
  if (!expand(node, expansion)) return prepare_simple(std::move(node));
  for (const std::string& output : node.outputs) {
    const auto makes_it = [&](const OnnxNode& part) {
      return std::ranges::count(part.outputs, output) > 0;
    };
    if (!output.empty() && std::ranges::none_of(expansion.nodes, makes_it)) {
      fail_input("output '{}' is one more than {} has; remove it", output,
                 operator_name(node.type, node.domain, node.opset));
    }
  }
  for (OnnxNode& part : expansion.nodes) prepare(std::move(part));
}

void GraphReader::prepare_simple(OnnxNode node) {
  if (node.domain.empty() && node.type == "Constant") {
    const auto others =
        std::ranges::count_if(node.outputs.begin() + 1, node.outputs.end(),
                              [](const std::string& output) { return !output.empty(); });
    if (node.outputs[0].empty() || others > 0) {
      fail_input("has outputs [{}], expected a single one", fmt::join(node.outputs, ", "));
    }
    Tensor constant = tensor_from_constant_attributes(node);
    nodes_.push_back({std::move(node), {}, std::move(constant)});
    return;
  }
  move_attributes_to_inputs(node, [&](Tensor tensor) {
    OnnxNode constant{.type = "Constant",
                      .outputs = {value_names_.take(node.outputs[0] + "/constant")}};
    nodes_.push_back({std::move(constant), {}, std::move(tensor)});
    return nodes_.back().onnx.outputs[0];
  });
  std::optional<Op> op;
  // Operators of Tendon's own are made by passes and never read from a file.
  if (node.domain != kTendonDomain) op = op_from_onnx(node);
  if (!op) {
    unsupported_.add(operator_name(node.type, node.domain, node.opset), node.name);
    return;
  }
  const Attributes known = attributes_of(*op);
  for (const auto& [name, value] : node.attributes) {
    if (!known.contains(name)) {
      unsupported_.add(fmt::format("attribute '{}' of {}", name,
                                   operator_name(node.type, node.domain, node.opset)),
                       node.name);
    }
  }
  nodes_.push_back({std::move(node), std::move(op), {}});
}

/// The constant under its name, once it is known to be usable.
void GraphReader::add_constant(const std::string& name, Tensor tensor) {
  const bool is_weight = weights_.contains(name);
  if (options_.check_finite && (is_weight || tensor.size() > 1)) {
    try {
      require_finite(tensor, is_weight);
    } catch (const Error& error) {
      throw error.within(fmt::format("weight '{}'", name));
    }
  }
  ids_.emplace(name, graph_.add_constant(std::move(tensor), name));
}

void GraphReader::add_initializers() {
  for (const TensorProto& proto : proto_.initializers) {
    const std::string name(proto.name);
    try {
      add_constant(name, tensor_from_proto(proto, source_));
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kUnsupported) {
        throw error.within(fmt::format("initializer '{}'", name));
      }
      if (used_.contains(name)) {
        unsupported_.add(fmt::format("initializer: {}", error.what()), name);
      }
    }
  }
}

void GraphReader::add_inputs() {
  for (const ValueInfoProto& proto : proto_.inputs) {
    const std::string name(proto.name);
    if (ids_.contains(name)) continue;
    if (proto.kind != "tensor") {
      unsupported_.add(fmt::format("input of kind '{}'", proto.kind), name);
      continue;
    }
    if (!proto.dims) fail_input("input '{}' has no shape; give it one, at least its rank", name);
    std::vector<Dim> dims;
    for (const DimProto& dim : *proto.dims) {
      // Some exporters write -1 for a size that is not known.
      if (dim.size && *dim.size >= 0) {
        dims.push_back({*dim.size, ""});
      } else {
        dims.push_back({-1, std::string(dim.symbol)});
      }
    }
    try {
      const DataType dtype = data_type_from_onnx(proto.element_type);
      ids_.emplace(name, graph_.add_input(name, dtype, std::move(dims)));
    } catch (const Error& error) {
      throw error.within(fmt::format("input '{}'", name));
    }
  }
}

void GraphReader::add(ReadyNode node) {
  if (!node.op) {
    add_constant(node.onnx.outputs[0], std::move(node.constant));
    return;
  }
  std::vector<ValueId> inputs;
  for (const std::string& input : node.onnx.inputs) {
    inputs.push_back(input.empty() ? kNone : ids_.at(input));
  }
  while (!node.onnx.outputs.empty() && node.onnx.outputs.back().empty()) {
    node.onnx.outputs.pop_back();
  }
  const NodeId id = graph_.add_node(std::move(*node.op), std::move(inputs), node.onnx.outputs,
                                    node_names_.take(node.onnx.name));
  for (size_t i = 0; i < node.onnx.outputs.size(); ++i) {
    if (node.onnx.outputs[i].empty()) continue;
    ids_.emplace(node.onnx.outputs[i], graph_.node(id).outputs[i]);
  }
}

}  // namespace

Graph graph_from_model(ModelProto model, const TensorSource& source, const ImportOptions& options) {
  inline_nested(model, source);
  return GraphReader(model, source, options).read();
}

}  // namespace tendon
