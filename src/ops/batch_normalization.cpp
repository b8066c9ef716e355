#include "ops/batch_normalization.h"

#include <cmath>

#include "ops/checks.h"
#include "ops/elements.h"
#include "ops/wide.h"

namespace tendon {

std::vector<TensorType> BatchNormalization::infer(Arguments arguments) const {
  const TensorType& x = require_floating(arguments, 0, "X").type;
  if (training_mode) {
    fail(ErrorKind::kUnsupported,
         "training_mode is on; export the model in evaluation mode (model.eval())");
  }
  if (x.shape.rank() < 2) fail_input("X has shape {}, expected [N, C, …]", x.shape);
  static constexpr std::string_view kNames[] = {"", "scale", "B", "input_mean", "input_var"};
  for (size_t i = 1; i < std::size(kNames); ++i) {
    require_shape(require_floating(arguments, i, kNames[i]), kNames[i], Shape{x.shape[1]});
  }
  return {x};
}

std::vector<Tensor> BatchNormalization::reference(std::span<const Tensor> inputs) const {
  const AxisSplit split = split_at(inputs[0].shape(), 1);
  const Widened<double> scale(inputs[1]);
  const Widened<double> shift(inputs[2]);
  const Widened<double> mean(inputs[3]);
  const Widened<double> variance(inputs[4]);
  const Widened<double> x(inputs[0]);
  return {narrowed<double>(inputs[0].dtype(), inputs[0].shape(), [&](double* y) {
    int64_t i = 0;
    for (int64_t n = 0; n < split.outer; ++n) {
      for (int64_t c = 0; c < split.count; ++c) {
        const double factor = scale[c] / std::sqrt(variance[c] + epsilon);
        for (int64_t k = 0; k < split.inner; ++k, ++i) y[i] = (x[i] - mean[c]) * factor + shift[c];
      }
    }
  })};
}

}  // namespace tendon
