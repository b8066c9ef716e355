// Bounded JSON parsing: depth and size limits, no duplicate keys, errors with line and column.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace tendon {

using Json = nlohmann::json;

/// Throws Error{kBadInput} naming `name`, line and column.
Json parse_json(std::string_view text, std::string_view name);
Json load_json(const std::string& path);

/// object[key]. Throws Error{kBadInput} when `object` is no object or has no such key.
const Json& json_member(const Json& object, std::string_view key, std::string_view name);
/// value as T. Throws Error{kBadInput} saying what was found and what is expected.
std::string json_string(const Json& value, std::string_view name);
int64_t json_integer(const Json& value, std::string_view name);
double json_number(const Json& value, std::string_view name);

}  // namespace tendon
