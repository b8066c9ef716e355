#include "ops/elements.h"

namespace tendon {

Tensor copy_strided(const Tensor& source, const Shape& output, const Strides& strides,
                    int64_t offset) {
  Tensor result(source.dtype(), output);
  visit_width(source.dtype(), [&](auto word) {
    using Word = decltype(word);
    const Word* from = static_cast<const Word*>(source.raw()) + offset;
    Word* to = static_cast<Word*>(result.mutable_raw());
    for_each_broadcast<1>(output, {strides}, [&](int64_t index, const auto& offsets) {
      to[index] = from[offsets[0]];
    });
  });
  return result;
}

Tensor select(const Tensor& source, const Shape& output,
              const std::function<int64_t(int axis, int64_t index)>& origin, const Tensor& fill) {
  Tensor result(source.dtype(), output);
  const int64_t count = output.element_count();
  if (count == 0) return result;
  const Strides strides = row_major_strides(source.shape());
  // Offsets along each axis, -1 for the fill.
  std::vector<std::vector<int64_t>> offsets;
  for (int axis = 0; axis < output.rank(); ++axis) {
    auto& along = offsets.emplace_back(output[axis]);
    for (int64_t i = 0; i < output[axis]; ++i) {
      const int64_t from = origin(axis, i);
      along[i] = from < 0 ? -1 : from * strides[static_cast<size_t>(axis)];
    }
  }
  visit_width(source.dtype(), [&](auto word) {
    using Word = decltype(word);
    const Word* from = static_cast<const Word*>(source.raw());
    Word* to = static_cast<Word*>(result.mutable_raw());
    const Word filler = fill.defined() ? *static_cast<const Word*>(fill.raw()) : Word{0};
    std::array<size_t, Shape::kMaxRank> position{};
    for (int64_t index = 0; index < count; ++index) {
      int64_t offset = 0;
      bool inside = true;
      for (size_t axis = 0; axis < offsets.size(); ++axis) {
        const int64_t along = offsets[axis][position[axis]];
        inside = inside && along >= 0;
        offset += along;
      }
      to[index] = inside ? from[offset] : filler;
      for (size_t axis = offsets.size(); axis-- > 0;) {
        if (++position[axis] < offsets[axis].size()) break;
        position[axis] = 0;
      }
    }
  });
  return result;
}

AxisSplit split_at(const Shape& shape, int axis) {
  AxisSplit split;
  for (int i = 0; i < axis; ++i) split.outer *= shape[i];
  split.count = shape[axis];
  for (int i = axis + 1; i < shape.rank(); ++i) split.inner *= shape[i];
  return split;
}

}  // namespace tendon
