// Operators that many test graphs are made of.
#pragma once

#include "ops/op_set.h"

namespace tendon {

inline const Unary kRelu = Unary::of(UnaryKind::kRelu);
inline constexpr Binary kAdd{BinaryKind::kAdd};
inline constexpr Binary kMul{BinaryKind::kMul};

}  // namespace tendon
