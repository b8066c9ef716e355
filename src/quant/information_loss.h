// What the two entropy algorithms share.
#pragma once

#include <span>

#include "quant/histogram.h"

namespace tendon {

/// The number of leading bins which, quantised to `levels` steps with all that lies above put into
/// the last bin, keep most of the information: the least Kullback-Leibler divergence. The whole
/// where there are too few bins to choose from.
int least_information_loss(std::span<const uint64_t> counts, int levels);

}  // namespace tendon
