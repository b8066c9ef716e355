#include "ops/clip.h"

#include <algorithm>

#include "ops/checks.h"
#include "ops/wide.h"

namespace tendon {

std::vector<TensorType> Clip::infer(Arguments arguments) const {
  const TensorType& input = require_numeric(arguments, 0, "input").type;
  static constexpr std::string_view kNames[] = {"", "min", "max"};
  for (size_t i = 1; i < std::size(kNames); ++i) {
    if (!has_input(arguments, i)) continue;
    const TensorType& bound = require_type(arguments, i, kNames[i], input.dtype).type;
    if (bound.shape.element_count() != 1) {
      fail_input("'{}' has shape {}, expected a scalar", kNames[i], bound.shape);
    }
  }
  return {input};
}

std::vector<Tensor> Clip::reference(std::span<const Tensor> inputs) const {
  return {visit_wide(inputs[0].dtype(), [&](auto wide) {
    using Wide = decltype(wide);
    const Widened<Wide> x(inputs[0]);
    return narrowed<Wide>(inputs[0].dtype(), inputs[0].shape(), [&](Wide* y) {
      const int64_t count = inputs[0].size();
      std::copy_n(x.data(), count, y);
      if (has_input(inputs, 1)) {
        const Wide least = Widened<Wide>(inputs[1])[0];
        for (int64_t i = 0; i < count; ++i) y[i] = y[i] < least ? least : y[i];
      }
      if (has_input(inputs, 2)) {
        const Wide most = Widened<Wide>(inputs[2])[0];
        for (int64_t i = 0; i < count; ++i) y[i] = y[i] > most ? most : y[i];
      }
    });
  })};
}

}  // namespace tendon
