// Results on standard output.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

namespace tendon::cli {

/// Keys keep the order in which they are written.
using Json = nlohmann::ordered_json;

/// Control characters are escaped, as names in files may hold any.
void print_text(std::string_view text);
void print_json(const Json& result);
/// Writes out what was printed. Throws Error{kBadInput} when standard output refuses it.
void flush_output();

}  // namespace tendon::cli
