// Putting the parts of a calibration together.
#pragma once

#include <optional>
#include <span>

#include "quant/calibration_data.h"

namespace tendon {

/// Everything but the ranges, which finished() chooses. Throws as Calibration::merge says.
Calibration::Data merged(std::span<const Calibration::Data* const> parts,
                         const std::optional<RangeOptions>& range);

}  // namespace tendon
