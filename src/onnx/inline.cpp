#include "onnx/inline.h"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "base/limits.h"
#include "onnx/node_order.h"
#include "onnx/unique_names.h"

namespace tendon {
namespace {

/// What the names inside a function or branch stand for outside; others stand for themselves.
using Names = std::unordered_map<std::string_view, std::string_view>;
using Opsets = std::vector<std::pair<std::string_view, int64_t>>;

/// Where a list of nodes is written out.
struct Scope {
  Names names;
  /// Of the call that is written out; null outside of functions.
  const NodeProto* call = nullptr;
  const FunctionProto* function = nullptr;
  /// Puts a node's name behind that of the call.
  std::string prefix;
  int depth = 0;
};

std::string_view domain_of(const NodeProto& node) {
  return node.domain == "ai.onnx" ? std::string_view() : node.domain;
}

class Inliner {
 public:
  Inliner(ModelProto& model, const TensorSource& source) : model_(model), source_(source) {
    for (const FunctionProto& function : model.functions) {
      const auto [found, added] =
          functions_.emplace(std::pair(function.domain, function.name), &function);
      if (!added) fail_input("defines function '{}' twice", function.name);
    }
  }

  void run() {
    GraphProto& graph = model_.graph;
    const auto nests = [&](const NodeProto& node) {
      return node.type == "If" || functions_.contains({domain_of(node), node.type});
    };
    if (std::ranges::none_of(graph.nodes, nests)) return;
    reserve_names(graph);
    for (const TensorProto& tensor : graph.initializers) initializers_.emplace(tensor.name, tensor);
    std::vector<NodeProto> nodes = std::move(graph.nodes);
    graph.nodes.clear();
    for (const size_t index : file_or_sorted_order(graph, nodes)) emit(nodes[index], {});
  }

 private:
  void reserve_names(const GraphProto& graph) {
    for (const ValueInfoProto& input : graph.inputs) names_.reserve(std::string(input.name));
    for (const TensorProto& tensor : graph.initializers) names_.reserve(std::string(tensor.name));
    for (const NodeProto& node : graph.nodes) {
      for (const std::string_view output : node.outputs) names_.reserve(std::string(output));
    }
  }

  /// Conditions must be known before what reads them.
  static std::vector<size_t> file_or_sorted_order(GraphProto& graph,
                                                  const std::vector<NodeProto>& nodes) {
    graph.nodes = nodes;
    std::vector<size_t> order = order_nodes(graph);
    graph.nodes.clear();
    return order;
  }

  std::string_view keep(std::string name) {
    return model_.made_names.emplace_back(std::move(name));
  }

  void push(NodeProto node) {
    if (static_cast<int64_t>(model_.graph.nodes.size()) >= limits().max_nodes) {
      fail_input("has more than {} nodes once its functions are written out, the limit",
                 limits().max_nodes);
    }
    if (node.type == "Constant" && node.outputs.size() == 1) {
      for (const AttributeProto& attribute : node.attributes) {
        if (attribute.name == "value" && attribute.tensor) {
          initializers_.emplace(node.outputs[0], *attribute.tensor);
        }
      }
    }
    model_.graph.nodes.push_back(std::move(node));
  }

  void push_identity(std::string_view from, std::string_view to) {
    NodeProto node;
    node.type = "Identity";
    node.name = to;
    node.inputs = {from};
    node.outputs = {to};
    push(std::move(node));
  }

  void emit(const NodeProto& proto, const Scope& scope);
  void emit_call(const NodeProto& call, const FunctionProto& function, const Scope& outer);
  bool emit_branch(const NodeProto& node, const Scope& outer);
  void name_outputs(const NodeProto& node, Scope& scope) {
    for (const std::string_view output : node.outputs) {
      if (!output.empty()) scope.names[output] = made_name(scope, output);
    }
  }
  NodeProto resolved(const NodeProto& proto, const Scope& scope) const;
  std::string_view made_name(const Scope& scope, std::string_view name) {
    return keep(names_.take(fmt::format("{}{}", scope.prefix, name)));
  }

  ModelProto& model_;
  const TensorSource& source_;
  std::map<std::pair<std::string_view, std::string_view>, const FunctionProto*> functions_;
  UniqueNames names_;
  /// Constants by name, of which conditions are read.
  std::unordered_map<std::string_view, TensorProto> initializers_;
};

/// The node under outer names, with the attributes of the call in place.
NodeProto Inliner::resolved(const NodeProto& proto, const Scope& scope) const {
  NodeProto node = proto;
  for (auto* list : {&node.inputs, &node.outputs}) {
    for (std::string_view& name : *list) {
      const auto found = scope.names.find(name);
      if (found != scope.names.end()) name = found->second;
    }
  }
  if (scope.function == nullptr) return node;
  if (!node.opset) {
    const auto& opsets = scope.function->opsets;
    const auto found = std::ranges::find(opsets, domain_of(node), &Opsets::value_type::first);
    if (found == opsets.end()) {
      fail_input("is of domain '{}', of which its function imports no version",
                 node.domain.empty() ? "ai.onnx" : node.domain);
    }
    node.opset = found->second;
  }
  std::vector<AttributeProto> attributes;
  for (const AttributeProto& attribute : node.attributes) {
    if (attribute.reference.empty()) {
      attributes.push_back(attribute);
      continue;
    }
    for (const auto* list : {&scope.call->attributes, &scope.function->defaults}) {
      const auto found = std::ranges::find(*list, attribute.reference, &AttributeProto::name);
      if (found == list->end()) continue;
      attributes.push_back(*found);
      attributes.back().name = attribute.name;
      break;
    }
  }
  node.attributes = std::move(attributes);
  return node;
}

void Inliner::emit(const NodeProto& proto, const Scope& scope) {
  try {
    NodeProto node = resolved(proto, scope);
    if (!scope.prefix.empty()) {
      const std::string_view name = proto.name.empty() ? proto.type : proto.name;
      node.name = keep(fmt::format("{}{}", scope.prefix, name));
    }
    const auto function = functions_.find({domain_of(node), node.type});
    if (function != functions_.end()) return emit_call(node, *function->second, scope);
    if (node.type == "If" && domain_of(node).empty() && emit_branch(node, scope)) return;
    push(std::move(node));
  } catch (const Error& error) {
    throw error.within(place_of(proto));
  }
}

void Inliner::emit_call(const NodeProto& call, const FunctionProto& function, const Scope& outer) {
  if (outer.depth >= limits().max_nesting) {
    fail_input("nests functions more than {} deep, the limit", limits().max_nesting);
  }
  if (call.inputs.size() > function.inputs.size() ||
      call.outputs.size() > function.outputs.size()) {
    fail_input("has {} inputs and {} outputs, but its function {} and {}", call.inputs.size(),
               call.outputs.size(), function.inputs.size(), function.outputs.size());
  }
  Scope scope{{},
              &call,
              &function,
              fmt::format("{}/", call.name.empty() ? call.outputs[0] : call.name),
              outer.depth + 1};
  for (size_t i = 0; i < function.inputs.size(); ++i) {
    scope.names[function.inputs[i]] = i < call.inputs.size() ? call.inputs[i] : "";
  }
  for (const NodeProto& node : function.nodes) name_outputs(node, scope);
  for (const NodeProto& node : function.nodes) emit(node, scope);
  for (size_t i = 0; i < call.outputs.size(); ++i) {
    if (call.outputs[i].empty()) continue;
    const auto found = scope.names.find(function.outputs[i]);
    if (found == scope.names.end()) {
      fail_input("function '{}' does not make its output '{}'", function.name, function.outputs[i]);
    }
    push_identity(found->second, call.outputs[i]);
  }
}

/// False where the condition is not constant.
bool Inliner::emit_branch(const NodeProto& node, const Scope& outer) {
  const auto condition = initializers_.find(node.inputs.empty() ? "" : node.inputs[0]);
  if (condition == initializers_.end()) return false;
  const Tensor value = tensor_from_proto(condition->second, source_);
  if (value.dtype() != DataType::kBool || value.size() != 1) {
    fail_input("the condition is {}, expected one bool", value.type());
  }
  const std::string_view wanted = value.data<bool>()[0] ? "then_branch" : "else_branch";
  const auto found = std::ranges::find(node.attributes, wanted, &AttributeProto::name);
  if (found == node.attributes.end() || !found->graph) fail_input("has no {}", wanted);
  const std::shared_ptr<const GraphProto> branch = found->graph;
  if (branch->outputs.size() < node.outputs.size()) {
    fail_input("has {} outputs, but {} has {}", node.outputs.size(), wanted,
               branch->outputs.size());
  }
  Scope scope = outer;
  scope.prefix = fmt::format("{}/", node.name.empty() ? node.outputs[0] : node.name);
  for (const TensorProto& initializer : branch->initializers) {
    TensorProto tensor = initializer;
    tensor.name = scope.names[initializer.name] = made_name(scope, initializer.name);
    initializers_.emplace(tensor.name, tensor);
    model_.graph.initializers.push_back(std::move(tensor));
  }
  for (const NodeProto& inner : branch->nodes) {
    name_outputs(inner, scope);
    emit(inner, scope);
  }
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i].empty()) continue;
    const std::string_view name = branch->outputs[i].name;
    const auto inside = scope.names.find(name);
    push_identity(inside == scope.names.end() ? name : inside->second, node.outputs[i]);
  }
  return true;
}

}  // namespace

void inline_nested(ModelProto& model, const TensorSource& source) { Inliner(model, source).run(); }

}  // namespace tendon
