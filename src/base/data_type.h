// Calls a generic lambda with the C++ type behind a DataType.
#pragma once

#include "base/format.h"

namespace tendon {

template <class T>
struct TypeTag {
  using type = T;
};

inline bool is_floating(DataType type) {
  return type == DataType::kFloat32 || type == DataType::kFloat16 || type == DataType::kBFloat16 ||
         type == DataType::kFloat64;
}
inline bool is_integer(DataType type) { return !is_floating(type) && type != DataType::kBool; }

/// visit_type(dtype, [&](auto tag) { using T = typename decltype(tag)::type; … });
template <class Function>
decltype(auto) visit_type(DataType type, Function&& function) {
  switch (type) {
    case DataType::kFloat32: return function(TypeTag<float>{});
    case DataType::kFloat16: return function(TypeTag<Float16>{});
    case DataType::kBFloat16: return function(TypeTag<BFloat16>{});
    case DataType::kFloat64: return function(TypeTag<double>{});
    case DataType::kInt8: return function(TypeTag<int8_t>{});
    case DataType::kUInt8: return function(TypeTag<uint8_t>{});
    case DataType::kInt16: return function(TypeTag<int16_t>{});
    case DataType::kInt32: return function(TypeTag<int32_t>{});
    case DataType::kInt64: return function(TypeTag<int64_t>{});
    case DataType::kBool: return function(TypeTag<bool>{});
  }
  fail(ErrorKind::kInternal, "unknown data type {}", static_cast<int>(type));
}

}  // namespace tendon
