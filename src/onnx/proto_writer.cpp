#include "onnx/proto_writer.h"

#include "onnx/model.h"
#include "ops/onnx_type.h"

namespace tendon {
namespace {

/// Writes the value fields of an AttributeProto and returns their kind.
struct ValueFields {
  WireWriter& message;

  AttributeKind operator()(int64_t value) const {
    message.integer(3, value);
    return AttributeKind::kInt;
  }
  AttributeKind operator()(float value) const {
    message.real(2, value);
    return AttributeKind::kFloat;
  }
  AttributeKind operator()(const std::string& value) const {
    message.text(4, value);
    return AttributeKind::kString;
  }
  AttributeKind operator()(const Tensor& value) const {
    message.message(5, tensor_message("", value));
    return AttributeKind::kTensor;
  }
  AttributeKind operator()(const std::vector<int64_t>& values) const {
    for (const int64_t value : values) message.integer(8, value);
    return AttributeKind::kInts;
  }
  AttributeKind operator()(const std::vector<float>& values) const {
    for (const float value : values) message.real(7, value);
    return AttributeKind::kFloats;
  }
  AttributeKind operator()(const std::vector<std::string>& values) const {
    for (const std::string& value : values) message.text(9, value);
    return AttributeKind::kStrings;
  }
};

}  // namespace

WireWriter attribute_message(std::string_view name, const Attribute& attribute) {
  WireWriter message;
  message.text(1, name);
  const AttributeKind kind = std::visit(ValueFields{message}, attribute);
  message.integer(20, static_cast<int64_t>(kind));
  return message;
}

WireWriter tensor_head_message(std::string_view name, const TensorType& type) {
  WireWriter message;
  for (const int64_t dim : type.shape) message.integer(1, dim);
  message.integer(2, onnx_number_of(type.dtype));
  if (!name.empty()) message.text(8, name);
  return message;
}

WireWriter tensor_message(std::string_view name, const Tensor& tensor) {
  WireWriter message = tensor_head_message(name, tensor.type());
  message.text(9, {static_cast<const char*>(tensor.raw()), tensor.byte_size()});
  return message;
}

WireWriter string_pair_message(std::string_view key, std::string_view value) {
  WireWriter message;
  message.text(1, key);
  message.text(2, value);
  return message;
}

WireWriter value_info_message(std::string_view name, DataType dtype, std::span<const Dim> dims) {
  WireWriter shape;
  for (const Dim& dim : dims) {
    WireWriter message;
    if (dim.fixed()) {
      message.integer(1, dim.size);
    } else if (!dim.symbol.empty()) {
      message.text(2, dim.symbol);
    }
    shape.message(1, message);
  }
  WireWriter tensor;
  tensor.integer(1, onnx_number_of(dtype));
  tensor.message(2, shape);
  WireWriter type;
  type.message(1, tensor);
  WireWriter value;
  value.text(1, name);
  value.message(2, type);
  return value;
}

}  // namespace tendon
