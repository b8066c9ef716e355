// The backends of this build, one row each.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/kernel.h"

namespace tendon {

/// Every backend, fastest first; reference is the last.
std::span<Backend* const> all_backends();
/// The backends that serve a device, in the order in which they are asked: "cpu" (cpu, reference),
/// "cuda" or "cuda:N" (GPU N, then those of the cpu) or "reference". Throws Error{kUnsupported} for
/// a known device that this build or machine lacks, Error{kUsage} for any other name.
std::vector<Backend*> backends_for_device(std::string_view device);

/// Nothing where the device multiplies in bfloat16, else the reason.
std::optional<std::string> without_bfloat16(std::string_view device);

/// The first GPU, or why "cuda" is not available.
struct GpuState {
  bool available = false;
  std::string text;
};
GpuState find_gpu();

/// Whether a device is a GPU, which multiplies in float16 and TF32 as well.
inline bool has_gpu(std::string_view device) { return device.starts_with("cuda"); }

}  // namespace tendon
