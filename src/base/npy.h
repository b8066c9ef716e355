// numpy's .npy format: one array with its type and shape.
#pragma once

#include <tendon/tensor.h>

#include <span>
#include <string>
#include <string_view>

namespace tendon {

/// Reads header versions 1 to 3 and the element types that Tensor has; Fortran order is converted.
/// Object arrays, other types, and a size that does not match the header are Error{kBadInput}.
Tensor parse_npy(std::span<const std::byte> bytes, std::string_view name);
Tensor load_npy(const std::string& path);

/// The header that numpy itself would write. Throws Error{kUnsupported} for bfloat16, which the
/// format cannot hold.
std::string npy_header(const TensorType& type);
void save_npy(const std::string& path, const Tensor& tensor);

/// The element type behind numpy's description without byte order ("f4"); refuses all others.
DataType data_type_from_numpy(std::string_view code, std::string_view name);
/// A copy of `data` in C order. Throws Error{kBadInput} unless it has exactly the bytes of `type`.
Tensor tensor_from_numpy(std::span<const std::byte> data, const TensorType& type,
                         bool fortran_order, std::string_view name);

}  // namespace tendon
