#include "backends/cpu/support.h"

namespace tendon::cpu {

std::optional<Declined> unless_float32(const KernelRequest& request) {
  const auto check = [](std::string_view what, size_t index,
                        const TensorType& type) -> std::optional<Declined> {
    if (type.dtype != DataType::kFloat32) {
      return decline("needs float32, {} {} is {}", what, index, type.dtype);
    }
    if (type.shape.element_count() == 0) return decline("{} {} is empty", what, index);
    return std::nullopt;
  };
  for (size_t i = 0; i < request.inputs.size(); ++i) {
    if (!request.has_input(i)) continue;
    if (auto declined = check("input", i, request.inputs[i].type)) return declined;
  }
  for (size_t i = 0; i < request.outputs.size(); ++i) {
    if (auto declined = check("output", i, request.outputs[i])) return declined;
  }
  return std::nullopt;
}

}  // namespace tendon::cpu
