#include "ops/dropout.h"

#include <algorithm>

#include "ops/checks.h"

namespace tendon {

std::vector<TensorType> Dropout::infer(Arguments arguments) const {
  const TensorType& data = require_floating(arguments, 0, "data").type;
  if (has_input(arguments, 2)) {
    require_type(arguments, 2, "training_mode", DataType::kBool);
    if (require_int64(arguments, 2, "training_mode") != 0) {
      fail(ErrorKind::kUnsupported,
           "training_mode is on; export the model in evaluation mode (model.eval())");
    }
  }
  return {data, {DataType::kBool, data.shape}};
}

std::vector<Tensor> Dropout::reference(std::span<const Tensor> inputs) const {
  Tensor mask(DataType::kBool, inputs[0].shape());
  std::ranges::fill(mask.mutable_data<bool>(), true);
  return {inputs[0], mask};
}

}  // namespace tendon
