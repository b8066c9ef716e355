// The scales section of an engine file: what the engine was quantized with, as JSON.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "quant/quantization_plan.h"

namespace tendon::engine_file {

/// Empty for an engine without quantization. Channel means are left out unless `with_means`: only
/// an engine with a range of shapes quantizes again.
std::string encode_scales(const std::optional<QuantizationRecord>& record, bool with_means);

/// Throws Error{kBadInput} naming `name` and what is wrong.
std::optional<QuantizationRecord> decode_scales(std::string_view text, std::string_view name);

}  // namespace tendon::engine_file
