// Places in a tensor that a tensor of indices names, as GatherElements, GatherND, ScatterElements
// and ScatterND share them.
#pragma once

#include <functional>

#include "ops/op.h"

namespace tendon {

/// The index counted from the front. Throws Error{kBadInput} outside [-count, count).
int64_t normalize_index(int64_t index, int64_t count);
/// The input at `index`, which must be int32 or int64.
const Argument& require_indices(Arguments arguments, size_t index);

/// Requires that `indices` names elements of `data` along `axis`: as many axes, none longer but
/// `axis`.
void check_element_indices(const Shape& data, const Shape& indices, int axis);
/// visit(i, offset) for each of the indices in order, with the element of `data` that it names.
void for_each_element_index(const Tensor& indices, const Shape& data, int axis,
                            const std::function<void(int64_t i, int64_t offset)>& visit);

/// What the last axis of `indices` names behind the first `batch_dims` axes: slices of the shape
/// that it returns.
Shape check_slice_indices(const Shape& data, const Shape& indices, int64_t batch_dims);
/// visit(i, offset) for each row of indices in order, with the first element of `data` that it
/// names.
void for_each_slice_index(const Tensor& indices, const Shape& data, int64_t batch_dims,
                          const std::function<void(int64_t i, int64_t offset)>& visit);

}  // namespace tendon
