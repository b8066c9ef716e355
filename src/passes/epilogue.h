// What follows a convolution or product and can run inside it.
#pragma once

#include "ops/activation.h"
#include "passes/rewrite.h"

namespace tendon {

/// activation(y + residual), where y is read by nothing else.
struct Epilogue {
  ValueId residual = kNone;
  Activation activation = Activation::kNone;
  /// The last value of the chain.
  ValueId output = kNone;
};

/// The other operand of the Add that alone reads `id`, if it has the type of `id`; else kNone.
ValueId residual_of(const Graph& graph, ValueId id);
/// The activation that alone reads `id`, or kNone.
Activation activation_of(const Graph& graph, ValueId id);
/// The longest epilogue after `id`.
Epilogue epilogue_of(const Graph& graph, ValueId id);

}  // namespace tendon
