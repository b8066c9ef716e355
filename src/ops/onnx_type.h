// ONNX's numbers for element types, as Cast.to and tensors state them.
#pragma once

#include <tendon/tensor.h>

#include <cstdint>

namespace tendon {

/// Throws Error{kUnsupported} for types that Tensor lacks (string, uint16, complex64, …) and
/// Error{kBadInput} for numbers that ONNX does not define.
DataType data_type_from_onnx(int64_t number);
int64_t onnx_number_of(DataType type);

}  // namespace tendon
