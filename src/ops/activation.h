// The functions that operators made by passes apply to their result.
#pragma once

#include "ops/unary.h"

namespace tendon {

enum class Activation : int64_t { kNone, kRelu, kGelu };

/// Throws Error{kBadInput} for a number that was read and stands for no activation.
inline void require_known(Activation activation) {
  if (activation < Activation::kNone || activation > Activation::kGelu) {
    fail_input("activation {} is unknown", static_cast<int64_t>(activation));
  }
}

inline double apply(Activation activation, double x) {
  switch (activation) {
    case Activation::kNone: return x;
    case Activation::kRelu: return Unary{UnaryKind::kRelu}.apply(x);
    case Activation::kGelu: return Unary{UnaryKind::kGelu}.apply(x);
  }
  fail(ErrorKind::kInternal, "unknown activation {}", static_cast<int64_t>(activation));
}

}  // namespace tendon
