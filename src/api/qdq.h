// Networks that say themselves what is in 8 bits, from calibrations.
#pragma once

#include <tendon/loaders.h>

#include "quant/explicit_precision.h"

namespace tendon {

/// What qdq_from_network makes, with the plan behind it.
ExplicitGraph explicit_graph_from(const Network& network, const Calibration& calibration,
                                  const QdqOptions& options);

}  // namespace tendon
