#include "ops/group_normalization.h"

#include <cmath>

#include "ops/checks.h"
#include "ops/elements.h"
#include "ops/wide.h"

namespace tendon {

GroupNormalization GroupNormalization::from_onnx(const OnnxNode& node) {
  GroupNormalization op;
  op.epsilon = node.get<float>("epsilon", op.epsilon);
  if (node.type == "GroupNormalization") {
    // Text and defaults ask for a node without attributes; infer refuses it.
    op.num_groups = node.get<int64_t>("num_groups", -1);
    if (op.num_groups == 0) fail_input("attribute 'num_groups' is 0, expected at least 1");
  }
  return op;
}

Attributes GroupNormalization::attributes() const {
  if (num_groups == 0) return {{"epsilon", epsilon}};
  return {{"epsilon", epsilon}, {"num_groups", num_groups}, {"stash_type", int64_t{1}}};
}

std::vector<TensorType> GroupNormalization::infer(Arguments arguments) const {
  const TensorType& x = require_floating(arguments, 0, "X").type;
  if (x.shape.rank() < 2) fail_input("X has shape {}, expected [N, C, …]", x.shape);
  if (num_groups < 0 || (num_groups > 0 && x.shape[1] % num_groups != 0)) {
    fail_input("attribute 'num_groups' is {}, but X {} has {} channels", num_groups, x.shape,
               x.shape[1]);
  }
  require_shape(require_type(arguments, 1, "scale", x.dtype), "scale", Shape{x.shape[1]});
  require_shape(require_type(arguments, 2, "bias", x.dtype), "bias", Shape{x.shape[1]});
  return {x};
}

std::vector<Tensor> GroupNormalization::reference(std::span<const Tensor> inputs) const {
  const AxisSplit split = split_at(inputs[0].shape(), 1);
  const int64_t groups = num_groups == 0 ? split.count : num_groups;
  const int64_t channels = groups == 0 ? 0 : split.count / groups;
  const int64_t width = channels * split.inner;
  const Widened<double> x(inputs[0]);
  const Widened<double> scale(inputs[1]);
  const Widened<double> bias(inputs[2]);
  return {narrowed<double>(inputs[0].dtype(), inputs[0].shape(), [&](double* y) {
    for (int64_t group = 0; group < split.outer * groups; ++group) {
      const double* from = x.data() + group * width;
      double* to = y + group * width;
      double sum = 0;
      for (int64_t i = 0; i < width; ++i) sum += from[i];
      const double mean = sum / static_cast<double>(width);
      double squares = 0;
      for (int64_t i = 0; i < width; ++i) squares += (from[i] - mean) * (from[i] - mean);
      const double inverse = 1.0 / std::sqrt(squares / static_cast<double>(width) + epsilon);
      for (int64_t i = 0; i < width; ++i) {
        const int64_t channel = group % groups * channels + i / split.inner;
        to[i] = (from[i] - mean) * inverse * scale[channel] + bias[channel];
      }
    }
  })};
}

}  // namespace tendon
