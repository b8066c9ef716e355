// Messages of onnx.proto, as the exporter writes them.
#pragma once

#include "ir/graph.h"
#include "onnx/wire.h"

namespace tendon {

WireWriter attribute_message(std::string_view name, const Attribute& attribute);
/// A TensorProto without its elements.
WireWriter tensor_head_message(std::string_view name, const TensorType& type);
/// A TensorProto with raw_data.
WireWriter tensor_message(std::string_view name, const Tensor& tensor);
WireWriter string_pair_message(std::string_view key, std::string_view value);
/// A ValueInfoProto; open dimensions keep their symbol, if any.
WireWriter value_info_message(std::string_view name, DataType dtype, std::span<const Dim> dims);

}  // namespace tendon
