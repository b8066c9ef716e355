// The fastest of the rows that accept a layer.
#pragma once

#include <span>

#include "engine/candidates.h"

namespace tendon {

/// Chooses by time among the rows of backends that compete and work in the same memory as the first
/// that offers. `reusable` as for time_kernels(). False where no row offers, or where the layer can
/// not be timed.
bool choose_by_time(std::span<const Candidate> candidates, const KernelRequest& request,
                    std::span<const size_t> reusable, Timing& timing, ChosenKernel& chosen);

}  // namespace tendon
