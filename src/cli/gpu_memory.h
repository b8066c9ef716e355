// The memory of a GPU that an engine takes, as verbs print it.
#pragma once

#include <tendon/engine.h>

#include <string>

#include "cli/output.h"

namespace tendon::cli {

/// Empty for engines that run on the CPU alone, else "38.1 MiB of weights, …".
std::string gpu_memory_text(const Engine& engine);
/// Adds "gpu_memory" where the engine has some.
void add_gpu_memory(Json& json, const Engine& engine);

}  // namespace tendon::cli
