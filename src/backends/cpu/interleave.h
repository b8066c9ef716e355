// Two to four planes to interleaved elements, as turning images to channels-last asks for.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tendon::cpu {

/// output[i * planes + j] = source[j * plane_step + i] for i in [0, count), in elements.
using Interleave = void (*)(const void* source, int64_t plane_step, int64_t count, void* output);
/// Null for other element sizes than 1, 2 and 4 bytes and for other numbers of planes.
Interleave interleave_function(size_t element_bytes, int64_t planes);

}  // namespace tendon::cpu
