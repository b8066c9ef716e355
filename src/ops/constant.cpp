#include "ops/constant.h"

namespace tendon {

Tensor tensor_from_constant_attributes(const OnnxNode& node) {
  static constexpr std::string_view kRefused[] = {"sparse_value", "value_string", "value_strings"};
  for (const std::string_view name : kRefused) {
    if (node.has(name)) {
      fail(ErrorKind::kUnsupported, "attribute '{}' is not supported, expected a dense number",
           name);
    }
  }
  static constexpr std::string_view kNames[] = {"value", "value_float", "value_floats", "value_int",
                                                "value_ints"};
  int found = 0;
  for (const std::string_view name : kNames) found += node.has(name);
  if (found != 1) {
    fail_input("a Constant has {} of the attributes {}, expected one", found,
               fmt::join(kNames, ", "));
  }
  if (node.has("value")) return node.require<Tensor>("value");
  if (node.has("value_float")) return Tensor::scalar(node.require<float>("value_float"));
  if (node.has("value_int")) return Tensor::scalar(node.require<int64_t>("value_int"));
  if (node.has("value_floats")) {
    const auto values = node.require<std::vector<float>>("value_floats");
    return Tensor::from<float>(Shape{static_cast<int64_t>(values.size())}, values);
  }
  const auto values = node.require<std::vector<int64_t>>("value_ints");
  return Tensor::from<int64_t>(Shape{static_cast<int64_t>(values.size())}, values);
}

}  // namespace tendon
