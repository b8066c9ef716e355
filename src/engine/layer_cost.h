// How much arithmetic a node does and how much it moves, for build logs and profiles.
#pragma once

#include <cstdint>
#include <span>

#include "ops/op_set.h"

namespace tendon {

/// Multiply-adds of convolutions, matrix products and attention; 0 for every other operator.
int64_t multiply_adds(const Op& op, Arguments inputs, std::span<const TensorType> outputs);

/// The type that a layer computes in: its first input's, or the weight's of a convolution that
/// reads images as they come. Codes without a sign count as int8.
DataType precision_of(const Op& op, Arguments inputs);

/// Of the inputs and outputs, each once: what a node moves at least.
int64_t bytes_moved(Arguments inputs, std::span<const TensorType> outputs);

}  // namespace tendon
