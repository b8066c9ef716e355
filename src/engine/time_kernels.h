// Kernels for the same layer against each other, on the machine they will run on.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/kernel.h"

namespace tendon {

/// Whether kernels can be timed on made-up inputs: integers might be indices or sizes, which must
/// be right.
bool can_be_timed(const KernelRequest& request);

/// Nanoseconds that each kernel takes, the least of several rounds in which all take turns. Before
/// each run the inputs are written, as the layer before would, and weights and outputs leave the
/// cores' own caches, as after a whole run; what a kernel copies into another layout counts. A
/// kernel whose first three runs all take twice as long as the best is not run again. Takes a
/// fraction of a second; allocates what one run needs twice. `reusable`: the inputs that nobody
/// reads later, so that a kernel that works in place finds its output there. All kernels work on
/// request.device.
std::vector<int64_t> time_kernels(const KernelRequest& request,
                                  std::span<const Kernel* const> kernels,
                                  std::span<const size_t> reusable);

}  // namespace tendon
