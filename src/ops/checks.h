// Checks that shape rules share; each throws Error{kBadInput} with what was found and expected.
#pragma once

#include "base/data_type.h"
#include "ops/op.h"

namespace tendon {

/// a * b and a + b for sizes that come from a model; throw where int64 would overflow.
int64_t checked_product(int64_t a, int64_t b);
int64_t checked_sum(int64_t a, int64_t b);

/// The input at `index`, which must be there and of a floating type.
const Argument& require_floating(Arguments arguments, size_t index, std::string_view name);
/// The input at `index`, which must be there and of a numeric type.
const Argument& require_numeric(Arguments arguments, size_t index, std::string_view name);
/// The input at `index`, which must be there and of an integer type.
const Argument& require_integer(Arguments arguments, size_t index, std::string_view name);
/// The input at `index`, which must be there and have the element type `type`.
const Argument& require_type(Arguments arguments, size_t index, std::string_view name,
                             DataType type);
void require_rank(const Argument& argument, std::string_view name, int rank);
/// Requires that the input broadcasts to `shape` without changing it.
void require_broadcastable(const Argument& argument, std::string_view name, const Shape& shape);
void require_shape(const Argument& argument, std::string_view name, const Shape& expected);
/// The single element of a shape-deciding scalar (rank 0 or one element).
int64_t require_int64(Arguments arguments, size_t index, std::string_view name);

/// Axes counted from the front, in ascending order, without duplicates.
std::vector<int> normalize_axes(std::span<const int64_t> axes, int rank);

}  // namespace tendon
