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

Tensor select(const Tensor& source, std::span<const std::vector<int64_t>> indices,
              const Tensor& fill) {
  Shape output;
  for (const auto& axis : indices) output.push_back(static_cast<int64_t>(axis.size()));
  Tensor result(source.dtype(), output);
  const Strides strides = row_major_strides(source.shape());
  visit_width(source.dtype(), [&](auto word) {
    using Word = decltype(word);
    const Word* from = static_cast<const Word*>(source.raw());
    Word* to = static_cast<Word*>(result.mutable_raw());
    const Word filler = fill.defined() ? *static_cast<const Word*>(fill.raw()) : Word{0};
    const int64_t count = output.element_count();
    std::array<size_t, Shape::kMaxRank> position{};
    for (int64_t index = 0; index < count; ++index) {
      int64_t offset = 0;
      bool inside = true;
      for (size_t axis = 0; axis < indices.size(); ++axis) {
        const int64_t chosen = indices[axis][position[axis]];
        inside = inside && chosen >= 0;
        offset += chosen * strides[axis];
      }
      to[index] = inside ? from[offset] : filler;
      for (size_t axis = indices.size(); axis-- > 0;) {
        if (++position[axis] < indices[axis].size()) break;
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
