#include "ops/checks.h"

#include <algorithm>

namespace tendon {

int64_t checked_product(int64_t a, int64_t b) {
  int64_t result = 0;
  if (__builtin_mul_overflow(a, b, &result)) fail_input("the size {} * {} is too large", a, b);
  return result;
}

int64_t checked_sum(int64_t a, int64_t b) {
  int64_t result = 0;
  if (__builtin_add_overflow(a, b, &result)) fail_input("the size {} + {} is too large", a, b);
  return result;
}

const Argument& require_floating(Arguments arguments, size_t index, std::string_view name) {
  const Argument& argument = require_input(arguments, index, name);
  if (!is_floating(argument.type.dtype)) {
    fail_input("input {} ('{}') is {}, expected a floating type", index, name, argument.type.dtype);
  }
  return argument;
}

const Argument& require_numeric(Arguments arguments, size_t index, std::string_view name) {
  const Argument& argument = require_input(arguments, index, name);
  if (argument.type.dtype == DataType::kBool) {
    fail_input("input {} ('{}') is bool, expected a numeric type", index, name);
  }
  return argument;
}

const Argument& require_integer(Arguments arguments, size_t index, std::string_view name) {
  const Argument& argument = require_input(arguments, index, name);
  if (!is_integer(argument.type.dtype)) {
    fail_input("input {} ('{}') is {}, expected an integer type", index, name, argument.type.dtype);
  }
  return argument;
}

const Argument& require_type(Arguments arguments, size_t index, std::string_view name,
                             DataType type) {
  const Argument& argument = require_input(arguments, index, name);
  if (argument.type.dtype != type) {
    fail_input("input {} ('{}') is {}, expected {}", index, name, argument.type.dtype, type);
  }
  return argument;
}

void require_rank(const Argument& argument, std::string_view name, int rank) {
  if (argument.type.shape.rank() != rank) {
    fail_input("'{}' has shape {}, expected {} dimensions", name, argument.type.shape, rank);
  }
}

void require_broadcastable(const Argument& argument, std::string_view name, const Shape& shape) {
  const Shape& own = argument.type.shape;
  const int shift = shape.rank() - own.rank();
  bool fits = shift >= 0;
  for (int i = 0; fits && i < own.rank(); ++i) fits = own[i] == 1 || own[i] == shape[i + shift];
  if (!fits) fail_input("'{}' has shape {}, expected one that broadcasts to {}", name, own, shape);
}

void require_shape(const Argument& argument, std::string_view name, const Shape& expected) {
  if (argument.type.shape != expected) {
    fail_input("'{}' has shape {}, expected {}", name, argument.type.shape, expected);
  }
}

int64_t require_int64(Arguments arguments, size_t index, std::string_view name) {
  const std::vector<int64_t> values = require_int64s(arguments, index, name);
  if (values.size() != 1) {
    fail_input("input {} ('{}') has {} elements, expected one", index, name, values.size());
  }
  return values[0];
}

std::vector<int> normalize_axes(std::span<const int64_t> axes, int rank) {
  std::vector<int> result;
  for (const int64_t axis : axes) result.push_back(normalize_axis(axis, rank));
  std::ranges::sort(result);
  if (std::ranges::adjacent_find(result) != result.end()) {
    fail_input("axes [{}] name one axis twice", fmt::join(axes, ", "));
  }
  return result;
}

}  // namespace tendon
