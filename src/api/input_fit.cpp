#include "api/input_fit.h"

#include "api/names.h"
#include "base/format.h"

namespace tendon {

std::string shape_advice(const TensorInfo& info, const Tensor& tensor,
                         const std::vector<TensorInfo>& inputs) {
  for (const TensorInfo& other : inputs) {
    if (other.name != info.name && other.accepts(tensor.shape())) {
      return fmt::format("this is the shape of '{}': are the two swapped?", other.name);
    }
  }
  if (static_cast<size_t>(tensor.rank()) == info.axes.size()) {
    for (int i = 0; i < tensor.rank(); ++i) {
      const Axis& axis = info.axes[static_cast<size_t>(i)];
      const int64_t size = tensor.shape()[i];
      if (axis.fixed() && size != axis.min) {
        return fmt::format(
            "axis {} is {}, expected {}: is it from another robot or another camera?", i, size,
            axis.min);
      }
    }
  }
  return "reshape the input or build the engine with a profile that holds this shape";
}

void require_fit(const TensorMap& tensors, const std::vector<TensorInfo>& inputs,
                 std::string_view place) {
  for (const TensorInfo& info : inputs) {
    const auto found = tensors.find(info.name);
    if (found == tensors.end()) {
      std::vector<std::string> names;
      for (const auto& [name, tensor] : tensors) names.push_back(name);
      fail_input("{}: no array '{}', which the model takes; it has {}", place, info.name,
                 quoted_list(names));
    }
    const Tensor& tensor = found->second;
    if (tensor.dtype() != info.dtype) {
      fail_input("{}: '{}' is {}, the model takes {}; save it as {}", place, info.name,
                 tensor.dtype(), info.dtype, info.dtype);
    }
    if (!info.accepts(tensor.shape())) {
      fail_input("{}: '{}' has shape {}, the model takes {}; {}", place, info.name, tensor.shape(),
                 to_string(info.axes), shape_advice(info, tensor, inputs));
    }
  }
}

}  // namespace tendon
