// What was observed, as JSON: statistics and drawn rows.
#pragma once

#include <string>

#include "base/json.h"
#include "quant/samples.h"
#include "quant/value_statistics.h"

namespace tendon {

Json json_from_statistics(const ValueStatistics& statistics);
/// Throws Error{kBadInput} naming `place` for numbers that do not fit each other.
ValueStatistics statistics_from_json(const Json& json, const std::string& place);

Json json_from_sample(const RowSample& sample);
/// Throws as above; all rows have one width.
RowSample sample_from_json(const Json& json, const std::string& place);

}  // namespace tendon
