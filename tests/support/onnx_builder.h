// Writes small ONNX models byte by byte, well formed or not.
#pragma once

#include <tendon/tensor.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "onnx/wire.h"
#include "ops/onnx_node.h"

namespace tendon::testing {

/// OnnxBuilder m; m.input("x", {"N", "3"}); m.node("Relu", {"x"}, {"y"}); m.output("y");
/// graph_from_onnx_bytes(as_bytes(m.text()), "m");
class OnnxBuilder {
 public:
  explicit OnnxBuilder(int64_t opset = 17, int64_t ir_version = 8);

  /// Dimensions are numbers or symbols; "" is unknown.
  void input(std::string_view name, const std::vector<std::string>& dims,
             DataType dtype = DataType::kFloat32);
  void output(std::string_view name);
  void node(std::string_view type, const std::vector<std::string>& inputs,
            const std::vector<std::string>& outputs, const Attributes& attributes = {},
            std::string_view name = "", std::string_view domain = "");
  /// With raw_data.
  void initializer(std::string_view name, const Tensor& tensor);
  /// A field of the graph, such as an initializer (5) or node (1) made by hand.
  void graph_field(uint32_t number, const WireWriter& message) { graph_.message(number, message); }
  void model_field(uint32_t number, const WireWriter& message) { model_.message(number, message); }

  std::string text() const;

 private:
  WireWriter model_;
  WireWriter graph_;
};

/// TensorProto with external data.
WireWriter external_message(std::string_view name, const TensorType& type,
                            const std::map<std::string, std::string>& entries);
/// The bytes of `text`.
std::span<const std::byte> as_bytes(std::string_view text);

}  // namespace tendon::testing
