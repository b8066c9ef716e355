// From statistics to ranges.
#pragma once

#include "quant/calibration_data.h"

namespace tendon {

/// One range for each of data.values, by the algorithm of data.info.range. `consumers` judge for
/// kAuto by data.samples.
Ranges choose_ranges(const Calibration::Data& data, std::span<const Consumer> consumers = {});

}  // namespace tendon
