#include "support/onnx_builder.h"

#include <algorithm>

#include "onnx/proto_writer.h"

namespace tendon::testing {

WireWriter external_message(std::string_view name, const TensorType& type,
                            const std::map<std::string, std::string>& entries) {
  WireWriter message = tensor_head_message(name, type);
  for (const auto& [key, value] : entries) message.message(13, string_pair_message(key, value));
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
                        DataType dtype) {
  std::vector<Dim> parsed;
  for (const std::string& dim : dims) {
    const bool fixed = !dim.empty() && std::ranges::all_of(dim, ::isdigit);
    parsed.push_back(fixed ? Dim{std::stoll(dim), ""} : Dim{-1, dim});
  }
  graph_.message(11, value_info_message(name, dtype, parsed));
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
    message.message(5, attribute_message(key, value));
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
