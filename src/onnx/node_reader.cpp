#include "onnx/node_reader.h"

namespace tendon {
namespace {

std::string_view name_of(AttributeKind kind) {
  switch (kind) {
    case AttributeKind::kGraph: return "a graph";
    case AttributeKind::kGraphs: return "graphs";
    case AttributeKind::kTensors: return "several tensors";
    case AttributeKind::kSparseTensor:
    case AttributeKind::kSparseTensors: return "a sparse tensor";
    case AttributeKind::kTypeProto:
    case AttributeKind::kTypeProtos: return "a type";
    default: return "a value of unknown kind";
  }
}

Attribute attribute_from_proto(const AttributeProto& proto, const TensorSource& source) {
  if (!proto.reference.empty()) fail_input("refers to an attribute of a function outside of one");
  switch (proto.kind) {
    case AttributeKind::kFloat: return proto.real;
    case AttributeKind::kInt: return proto.integer;
    case AttributeKind::kString: return std::string(proto.text);
    case AttributeKind::kTensor: return tensor_from_proto(*proto.tensor, source);
    case AttributeKind::kFloats: return proto.reals;
    case AttributeKind::kInts: return proto.integers;
    case AttributeKind::kStrings:
      return std::vector<std::string>(proto.texts.begin(), proto.texts.end());
    default: fail(ErrorKind::kUnsupported, "holds {}", name_of(proto.kind));
  }
}

}  // namespace

OnnxNode onnx_node_from_proto(const NodeProto& proto, int opset, const TensorSource& source) {
  OnnxNode node;
  node.type = proto.type;
  node.domain = proto.domain == "ai.onnx" ? "" : proto.domain;
  node.name = proto.name;
  node.opset = opset;
  node.inputs.assign(proto.inputs.begin(), proto.inputs.end());
  node.outputs.assign(proto.outputs.begin(), proto.outputs.end());
  for (const AttributeProto& attribute : proto.attributes) {
    try {
      node.attributes.emplace(std::string(attribute.name), attribute_from_proto(attribute, source));
    } catch (const Error& error) {
      throw error.within(fmt::format("attribute '{}'", attribute.name));
    }
  }
  return node;
}

}  // namespace tendon
