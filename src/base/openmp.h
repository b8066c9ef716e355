// The part of the OpenMP runtime that oneDNN calls, on our own team.
#pragma once

namespace tendon {

/// Threads of a parallel region by OpenMP's own reckoning.
int openmp_max_threads();

}  // namespace tendon
