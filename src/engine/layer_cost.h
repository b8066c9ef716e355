// How much arithmetic a node does and how much it moves, for build logs and profiles.
#pragma once

#include <cstdint>
#include <span>

#include "ops/op_set.h"

namespace tendon {

/// Multiply-adds of convolutions, matrix products and attention; 0 for every other operator.
int64_t multiply_adds(const Op& op, Arguments inputs, std::span<const TensorType> outputs);

/// Of the inputs and outputs, each once: what a node moves at least.
int64_t bytes_moved(Arguments inputs, std::span<const TensorType> outputs);

}  // namespace tendon
