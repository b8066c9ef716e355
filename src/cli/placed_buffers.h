// Tensors put where `bench --memory` wants them.
#pragma once

#include <tendon/buffer.h>
#include <tendon/engine.h>

namespace tendon::cli {

/// Copies of the tensors in this kind of memory, kept by the buffers. Throws Error{kUsage} for
/// pinned or GPU memory where the engine does not run on a GPU.
BufferMap placed_buffers(const Engine& engine, const TensorMap& tensors, Memory memory);

}  // namespace tendon::cli
