#include "ops/top_k.h"

#include <algorithm>
#include <numeric>

#include "ops/checks.h"
#include "ops/elements.h"
#include "ops/wide.h"

namespace tendon {

Shape TopK::result_shape(const Shape& data, int64_t k) const {
  const int along = normalize_axis(axis, data.rank());
  if (k < 0 || k > data[along]) {
    fail_input("K is {}, but axis {} of {} has {} elements", k, axis, data, data[along]);
  }
  Shape shape = data;
  shape[along] = k;
  return shape;
}

std::vector<TensorType> TopK::infer(Arguments arguments) const {
  const TensorType& x = require_numeric(arguments, 0, "X").type;
  const Shape shape = result_shape(x.shape, require_int64(arguments, 1, "K"));
  return {{x.dtype, shape}, {DataType::kInt64, shape}};
}

std::vector<Tensor> TopK::reference(std::span<const Tensor> inputs) const {
  const int64_t k = to_int64s(inputs[1])[0];
  const Shape& data = inputs[0].shape();
  const Shape shape = result_shape(data, k);
  const AxisSplit split = split_at(data, normalize_axis(axis, data.rank()));
  Tensor indices(DataType::kInt64, shape);
  int64_t* places = indices.mutable_data<int64_t>().data();
  Tensor values = visit_wide(inputs[0].dtype(), [&](auto wide) {
    using Wide = decltype(wide);
    const Widened<Wide> x(inputs[0]);
    return narrowed<Wide>(inputs[0].dtype(), shape, [&](Wide* y) {
      std::vector<int64_t> order(static_cast<size_t>(split.count));
      for (int64_t outer = 0; outer < split.outer; ++outer) {
        for (int64_t inner = 0; inner < split.inner; ++inner) {
          const auto element = [&](int64_t i) {
            return x[(outer * split.count + i) * split.inner + inner];
          };
          const auto more = [&](Wide a, Wide b) { return a > b || (a != a && b == b); };
          std::iota(order.begin(), order.end(), 0);
          std::partial_sort(order.begin(), order.begin() + k, order.end(), [&](auto i, auto j) {
            const Wide a = element(i);
            const Wide b = element(j);
            if (more(a, b) || more(b, a)) return more(a, b) == largest;
            return i < j;
          });
          for (int64_t i = 0; i < k; ++i) {
            const int64_t to = (outer * k + i) * split.inner + inner;
            places[to] = order[static_cast<size_t>(i)];
            y[to] = element(places[to]);
          }
        }
      }
    });
  });
  return {values, indices};
}

}  // namespace tendon
