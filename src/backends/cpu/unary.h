// The vector code of one-input functions, for kernels that apply them to parts of their own data.
#pragma once

#include "ops/unary.h"

namespace tendon::cpu {

/// y[i] = f(x[i]) for i in [0, n); y may be x.
using UnaryFunction = void (*)(const float* x, float* y, int64_t n, float alpha, float beta);
/// Null for kinds without vector code.
UnaryFunction vector_function(UnaryKind kind);

}  // namespace tendon::cpu
