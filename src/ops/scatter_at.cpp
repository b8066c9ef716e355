#include "ops/scatter_at.h"

#include <algorithm>

#include "ops/checks.h"
#include "ops/indexing.h"
#include "ops/wide.h"

namespace tendon {
namespace {

constexpr std::string_view kReductions[] = {"none", "add", "mul", "max", "min"};

template <class Wide>
Wide combined(std::string_view reduction, Wide a, Wide b) {
  if (reduction == "add") return wrapping_sum(a, b);
  if (reduction == "mul") return wrapping_product(a, b);
  if (reduction == "max") return std::max(a, b);
  if (reduction == "min") return std::min(a, b);
  return b;
}

}  // namespace

ScatterAt ScatterAt::from_onnx(const OnnxNode& node) {
  ScatterAt op;
  op.kind = node.type == "ScatterElements" ? ScatterAtKind::kElements : ScatterAtKind::kNd;
  if (op.kind == ScatterAtKind::kElements) op.axis = node.get<int64_t>("axis", 0);
  op.reduction = node.get<std::string>("reduction", "none");
  return op;
}

Attributes ScatterAt::attributes() const {
  Attributes attributes{{"reduction", reduction}};
  if (kind == ScatterAtKind::kElements) attributes.emplace("axis", axis);
  return attributes;
}

std::vector<TensorType> ScatterAt::infer(Arguments arguments) const {
  const TensorType& data = require_input(arguments, 0, "data").type;
  const Shape& indices = require_indices(arguments, 1).type.shape;
  const Argument& updates = require_type(arguments, 2, "updates", data.dtype);
  if (std::ranges::find(kReductions, reduction) == std::end(kReductions)) {
    fail_input("attribute 'reduction' is '{}', expected one of {}", reduction,
               fmt::join(kReductions, ", "));
  }
  if (reduction != "none") require_numeric(arguments, 0, "data");
  if (kind == ScatterAtKind::kElements) {
    check_element_indices(data.shape, indices, normalize_axis(axis, data.shape.rank()));
    require_shape(updates, "updates", indices);
    return {data};
  }
  const Shape slice = check_slice_indices(data.shape, indices, 0);
  Shape expected;
  for (int i = 0; i + 1 < indices.rank(); ++i) expected.push_back(indices[i]);
  for (const int64_t dim : slice) expected.push_back(dim);
  require_shape(updates, "updates", expected);
  return {data};
}

std::vector<Tensor> ScatterAt::reference(std::span<const Tensor> inputs) const {
  const Shape& shape = inputs[0].shape();
  return {visit_wide(inputs[0].dtype(), [&](auto wide) {
    using Wide = decltype(wide);
    const Widened<Wide> data(inputs[0]);
    const Widened<Wide> updates(inputs[2]);
    return narrowed<Wide>(inputs[0].dtype(), shape, [&](Wide* y) {
      std::copy_n(data.data(), inputs[0].size(), y);
      const auto put = [&](int64_t offset, int64_t from) {
        y[offset] = combined(reduction, y[offset], updates[from]);
      };
      if (kind == ScatterAtKind::kElements) {
        for_each_element_index(inputs[1], shape, normalize_axis(axis, shape.rank()),
                               [&](int64_t i, int64_t offset) { put(offset, i); });
        return;
      }
      const int64_t width = check_slice_indices(shape, inputs[1].shape(), 0).element_count();
      if (width == 0) return;
      for_each_slice_index(inputs[1], shape, 0, [&](int64_t i, int64_t offset) {
        for (int64_t k = 0; k < width; ++k) put(offset + k, i * width + k);
      });
    });
  })};
}

}  // namespace tendon
