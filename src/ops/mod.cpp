#include "ops/mod.h"

#include <cmath>

#include "ops/broadcast.h"
#include "ops/checks.h"
#include "ops/wide.h"

namespace tendon {
namespace {

double remainder(double a, double b, bool fmod) {
  const double rest = std::fmod(a, b);
  if (fmod) return rest;
  if (rest == 0) return std::copysign(rest, b);
  return (rest < 0) != (b < 0) ? rest + b : rest;
}

int64_t remainder(int64_t a, int64_t b, bool fmod) {
  if (b == 0) fail_input("integer division by zero");
  // The remainder by -1 is 0; computing it overflows for the smallest a.
  const int64_t rest = b == -1 ? 0 : a % b;
  const bool signs_differ = rest != 0 && (rest < 0) != (b < 0);
  return signs_differ && !fmod ? rest + b : rest;
}

}  // namespace

std::vector<TensorType> Mod::infer(Arguments arguments) const {
  const TensorType& a = require_numeric(arguments, 0, "A").type;
  const TensorType& b = require_type(arguments, 1, "B", a.dtype).type;
  return {{a.dtype, broadcast(a.shape, b.shape)}};
}

std::vector<Tensor> Mod::reference(std::span<const Tensor> inputs) const {
  const Shape shape = broadcast(inputs[0].shape(), inputs[1].shape());
  return {visit_wide(inputs[0].dtype(), [&](auto wide) {
    using Wide = decltype(wide);
    const Widened<Wide> a(inputs[0]);
    const Widened<Wide> b(inputs[1]);
    return narrowed<Wide>(inputs[0].dtype(), shape, [&](Wide* y) {
      for_each_broadcast<2>(shape,
                            {broadcast_strides(inputs[0].shape(), shape),
                             broadcast_strides(inputs[1].shape(), shape)},
                            [&](int64_t index, const auto& offsets) {
                              y[index] = remainder(a[offsets[0]], b[offsets[1]], fmod);
                            });
    });
  })};
}

}  // namespace tendon
