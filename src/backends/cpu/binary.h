// The vector code of two-input functions, for kernels that apply them to parts of their own data.
#pragma once

#include "ops/binary.h"

namespace tendon::cpu {

/// One row of n elements; each operand is a vector (step 1) or one repeated value (step 0). y may
/// be an operand.
using BinaryFunction = void (*)(const float* a, int64_t step_a, const float* b, int64_t step_b,
                                float* y, int64_t n);
/// Null for kinds without vector code.
BinaryFunction vector_function(BinaryKind kind);

}  // namespace tendon::cpu
