// Slice: data[starts:ends:steps] along the given axes, all of which are inputs.
#pragma once

#include "ops/op.h"

namespace tendon {

/// Inputs data, starts, ends, axes?, steps?.
struct Slice : SingleType<Slice> {
  static constexpr std::string_view kOnnxType = "Slice";
  static constexpr auto kFields = kNoFields;
  bool operator==(const Slice&) const = default;
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;
};
static_assert(Operator<Slice>);

/// One axis of a slice: `count` elements from `start`, `step` apart.
struct SliceAxis {
  int64_t start = 0;
  int64_t step = 1;
  int64_t count = 0;
};
/// What the inputs 1 to 4 of a Slice, as int64 lists, choose of `shape`; one entry an axis of
/// `shape`. Empty `axes` or `steps` stand for inputs left out.
std::vector<SliceAxis> slice_axes(const Shape& shape, std::span<const int64_t> starts,
                                  std::span<const int64_t> ends, std::span<const int64_t> axes,
                                  std::span<const int64_t> steps);

}  // namespace tendon
