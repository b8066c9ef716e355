#include "cli/gpu_memory.h"

#include <algorithm>

#include "base/format.h"
#include "base/units.h"

namespace tendon::cli {
namespace {

double share_of_needed(const GpuMemory& memory) {
  return static_cast<double>(memory.weights + memory.activations) /
         static_cast<double>(std::max<size_t>(memory.needed, 1));
}

}  // namespace

std::string gpu_memory_text(const Engine& engine) {
  const std::optional<GpuMemory> memory = engine.gpu_memory();
  if (!memory) return {};
  const auto text = [](size_t bytes) { return text_of_bytes(static_cast<double>(bytes)); };
  return fmt::format(
      "{} of weights, {} of activations ({:.2f} times what the layers need); {} pinned on the host",
      text(memory->weights), text(memory->activations), share_of_needed(*memory),
      text(memory->pinned));
}

void add_gpu_memory(Json& json, const Engine& engine) {
  const std::optional<GpuMemory> memory = engine.gpu_memory();
  if (!memory) return;
  json["gpu_memory"] = {{"weight_bytes", memory->weights},
                        {"activation_bytes", memory->activations},
                        {"pinned_bytes", memory->pinned},
                        {"needed_bytes", memory->needed},
                        {"by_needed", share_of_needed(*memory)}};
}

}  // namespace tendon::cli
