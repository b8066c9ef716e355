// A calibration as JSON: everything that is known, so that parts merge and a run can go on.
#pragma once

#include <string>
#include <string_view>

#include "quant/calibration_data.h"

namespace tendon {

/// The whole file, refused above limits().max_json_bytes.
std::string read_calibration_text(const std::string& path);
/// Whether the text looks like JSON rather than like TensorRT's cache.
bool is_calibration_json(std::string_view text);

/// Equal data gives equal bytes.
std::string json_from_calibration(const Calibration::Data& data);
/// Throws Error{kBadInput} naming `name`, the place, what was found and what was expected.
std::shared_ptr<const Calibration::Data> calibration_from_json(std::string_view text,
                                                               const std::string& name);

}  // namespace tendon
