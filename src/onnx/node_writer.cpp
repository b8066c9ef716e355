#include "onnx/node_writer.h"

#include <algorithm>

#include "onnx/attribute_forms.h"
#include "onnx/proto_writer.h"
#include "onnx/unsupported.h"

namespace tendon {
namespace {

/// What came to ONNX after the oldest opset that Tendon writes; an empty attribute is the operator
/// itself.
struct Since {
  std::string_view type;
  std::string_view attribute;
  int opset;
};
constexpr Since kSince[] = {
    {"AveragePool", "dilations", 19},
    {"BatchNormalization", "training_mode", 14},
    {"BitwiseAnd", "", 18},
    {"BitwiseNot", "", 18},
    {"BitwiseOr", "", 18},
    {"BitwiseXor", "", 18},
    {"Cast", "saturate", 19},
    {"CastLike", "", 15},
    {"DequantizeLinear", "block_size", 21},
    {"GRU", "layout", 14},
    {"Gelu", "", 20},
    {"GridSample", "", 16},
    {"HardSwish", "", 14},
    {"LSTM", "layout", 14},
    {"LayerNormalization", "", 17},
    {"Mish", "", 18},
    {"QuantizeLinear", "block_size", 21},
    {"QuantizeLinear", "output_dtype", 21},
    {"QuantizeLinear", "saturate", 19},
    {"RNN", "layout", 14},
    {"ReduceL1", "noop_with_empty_axes", 18},
    {"ReduceL2", "noop_with_empty_axes", 18},
    {"ReduceLogSum", "noop_with_empty_axes", 18},
    {"ReduceLogSumExp", "noop_with_empty_axes", 18},
    {"ReduceMax", "noop_with_empty_axes", 18},
    {"ReduceMean", "noop_with_empty_axes", 18},
    {"ReduceMin", "noop_with_empty_axes", 18},
    {"ReduceProd", "noop_with_empty_axes", 18},
    {"ReduceSumSquare", "noop_with_empty_axes", 18},
    {"Reshape", "allowzero", 14},
    {"Resize", "antialias", 18},
    {"Resize", "axes", 18},
    {"Resize", "keep_aspect_ratio_policy", 18},
    {"ScatterElements", "reduction", 16},
    {"ScatterND", "reduction", 16},
    {"Shape", "end", 15},
    {"Shape", "start", 15},
    {"Split", "num_outputs", 18},
};

/// Inputs beyond these came later.
struct InputsSince {
  std::string_view type;
  size_t count;
  int opset;
};
constexpr InputsSince kInputsSince[] = {{"Pad", 3, 18}};

/// Attributes that only Tendon's own passes set.
constexpr std::string_view kOwnAttributes[] = {"channels_last"};

void require_opset(const OnnxNode& node, std::string_view attribute) {
  for (const Since& since : kSince) {
    if (since.type != node.type || since.attribute != attribute || node.opset >= since.opset) {
      continue;
    }
    const std::string what =
        attribute.empty() ? node.type : fmt::format("{} with attribute '{}'", node.type, attribute);
    fail(ErrorKind::kUnsupported, "{} needs opset {} or above", what, since.opset);
  }
}

/// True when reading the node without the attribute gives the same operator.
bool is_default(const Op& op, const OnnxNode& complete, std::string_view attribute) {
  OnnxNode without = complete;
  without.attributes.erase(without.attributes.find(attribute));
  try {
    return op_from_onnx(without) == op;
  } catch (const Error&) {
    return false;
  }
}

Attributes attributes_to_write(const Op& op) {
  OnnxNode complete;
  complete.type = type_of(op);
  complete.attributes = attributes_of(op);
  Attributes result;
  for (const auto& [name, value] : complete.attributes) {
    if (!is_default(op, complete, name)) result.emplace(name, value);
  }
  return result;
}

/// Whether a target shape means the same however a 0 in it is read.
bool has_no_zero(const Tensor* shape) {
  if (shape == nullptr) return false;
  return std::ranges::count(shape->data<int64_t>(), 0) == 0;
}

}  // namespace

void complete_node(OnnxNode& node, const Op& op, const FindConstant& find_constant) {
  if (domain_of(op) != "") {
    fail(ErrorKind::kUnsupported,
         "{} is Tendon's own and made by passes; export before fusing (build and convert read the "
         "ONNX model, not an engine)",
         type_of(op));
  }
  require_opset(node, "");
  node.attributes = attributes_to_write(op);
  if (node.type == "Reshape" && node.opset < 14 && has_no_zero(find_constant(node.inputs[1]))) {
    node.attributes.erase("allowzero");
  }
  // Before opset 18 the number of equal parts is the number of outputs.
  if (node.type == "Split" && node.opset < 18) node.attributes.erase("num_outputs");
  for (const auto& [name, value] : node.attributes) {
    require_opset(node, name);
    if (std::ranges::count(kOwnAttributes, name) > 0) {
      fail(ErrorKind::kUnsupported, "{} with {} is made by passes; export before fusing", node.type,
           name);
    }
  }
  for (const InputsSince& since : kInputsSince) {
    if (since.type == node.type && node.inputs.size() > since.count && node.opset < since.opset) {
      fail(ErrorKind::kUnsupported, "{} with {} inputs needs opset {} or above", node.type,
           node.inputs.size(), since.opset);
    }
  }
  move_inputs_to_attributes(node, find_constant);
  for (auto* names : {&node.inputs, &node.outputs}) {
    while (!names->empty() && names->back().empty()) names->pop_back();
  }
}

WireWriter node_message(const OnnxNode& node) {
  WireWriter message;
  for (const std::string& input : node.inputs) message.text(1, input);
  for (const std::string& output : node.outputs) message.text(2, output);
  message.text(3, node.name);
  message.text(4, node.type);
  for (const auto& [name, value] : node.attributes) {
    message.message(5, attribute_message(name, value));
  }
  return message;
}

}  // namespace tendon
