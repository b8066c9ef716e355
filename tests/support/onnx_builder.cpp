#include "support/onnx_builder.h"

#include <algorithm>

#include "ops/onnx_type.h"

namespace tendon::testing {
namespace {

WireWriter value_info(std::string_view name, const std::vector<std::string>& dims,
                      int64_t element_type) {
  WireWriter shape;
  for (const std::string& dim : dims) {
    WireWriter message;
    if (!dim.empty() && std::ranges::all_of(dim, ::isdigit)) {
      message.integer(1, std::stoll(dim));
    } else if (!dim.empty()) {
      message.text(2, dim);
    }
    shape.message(1, message);
  }
  WireWriter tensor;
  tensor.integer(1, element_type);
  tensor.message(2, shape);
  WireWriter type;
  type.message(1, tensor);
  WireWriter value;
  value.text(1, name);
  value.message(2, type);
  return value;
}

struct AttributeFields {
  WireWriter& message;
  void operator()(int64_t value) const {
    message.integer(3, value);
    message.integer(20, 2);
  }
  void operator()(float value) const {
    message.real(2, value);
    message.integer(20, 1);
  }
  void operator()(const std::string& value) const {
    message.text(4, value);
    message.integer(20, 3);
  }
  void operator()(const Tensor& value) const {
    message.message(5, tensor_message("", value));
    message.integer(20, 4);
  }
  void operator()(const std::vector<int64_t>& values) const {
    for (const int64_t value : values) message.integer(8, value);
    message.integer(20, 7);
  }
  void operator()(const std::vector<float>& values) const {
    for (const float value : values) message.real(7, value);
    message.integer(20, 6);
  }
  void operator()(const std::vector<std::string>& values) const {
    for (const std::string& value : values) message.text(9, value);
    message.integer(20, 8);
  }
};

WireWriter tensor_head(std::string_view name, const TensorType& type) {
  WireWriter message;
  for (const int64_t dim : type.shape) message.integer(1, dim);
  message.integer(2, onnx_number_of(type.dtype));
  if (!name.empty()) message.text(8, name);
  return message;
}

}  // namespace

WireWriter tensor_message(std::string_view name, const Tensor& tensor) {
  WireWriter message = tensor_head(name, tensor.type());
  message.text(9, {static_cast<const char*>(tensor.raw()), tensor.byte_size()});
  return message;
}

WireWriter external_message(std::string_view name, const TensorType& type,
                            const std::map<std::string, std::string>& entries) {
  WireWriter message = tensor_head(name, type);
  for (const auto& [key, value] : entries) {
    WireWriter pair;
    pair.text(1, key);
    pair.text(2, value);
    message.message(13, pair);
  }
  message.integer(14, 1);
  return message;
}

std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

OnnxBuilder::OnnxBuilder(int64_t opset, int64_t ir_version) {
  WireWriter import;
  import.text(1, "");
  import.integer(2, opset);
  model_.integer(1, ir_version);
  model_.message(8, import);
  graph_.text(2, "test");
}

void OnnxBuilder::input(std::string_view name, const std::vector<std::string>& dims,
                        int64_t element_type) {
  graph_.message(11, value_info(name, dims, element_type));
}

void OnnxBuilder::output(std::string_view name) {
  WireWriter value;
  value.text(1, name);
  graph_.message(12, value);
}

void OnnxBuilder::node(std::string_view type, const std::vector<std::string>& inputs,
                       const std::vector<std::string>& outputs, const Attributes& attributes,
                       std::string_view name, std::string_view domain) {
  WireWriter message;
  for (const std::string& input : inputs) message.text(1, input);
  for (const std::string& output : outputs) message.text(2, output);
  if (!name.empty()) message.text(3, name);
  message.text(4, type);
  for (const auto& [key, value] : attributes) {
    WireWriter attribute;
    attribute.text(1, key);
    std::visit(AttributeFields{attribute}, value);
    message.message(5, attribute);
  }
  if (!domain.empty()) message.text(7, domain);
  graph_.message(1, message);
}

void OnnxBuilder::initializer(std::string_view name, const Tensor& tensor) {
  graph_.message(5, tensor_message(name, tensor));
}

std::string OnnxBuilder::text() const {
  WireWriter whole = model_;
  whole.message(7, graph_);
  return whole.bytes();
}

}  // namespace tendon::testing
