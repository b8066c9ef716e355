// JSON through nlohmann with bounds that the library does not have.
#include "base/json.h"

#include <algorithm>
#include <functional>
#include <set>

#include "base/file.h"
#include "base/format.h"
#include "base/limits.h"

namespace tendon {
namespace {

std::string place_of(std::string_view text, size_t offset) {
  const auto before = text.substr(0, std::min(offset, text.size()));
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const size_t break_at = before.rfind('\n');
  const size_t column = before.size() - (break_at == std::string_view::npos ? 0 : break_at + 1);
  return fmt::format("line {}, column {}", line, column);
}

/// Sees every event before nlohmann stores it.
class Bounds {
 public:
  explicit Bounds(std::string_view name) : name_(name) {}

  bool operator()(int depth, Json::parse_event_t event, const Json& parsed) {
    using Event = Json::parse_event_t;
    if (event == Event::object_start || event == Event::array_start) {
      if (depth >= limits().max_json_depth) {
        fail_input("{}: JSON nested deeper than the limit of {}", name_, limits().max_json_depth);
      }
      keys_.emplace_back();
    } else if (event == Event::object_end || event == Event::array_end) {
      keys_.pop_back();
    } else if (event == Event::key) {
      const auto& key = parsed.get_ref<const std::string&>();
      if (!keys_.back().insert(key).second) {
        fail_input("{}: key '{}' appears twice in one object", name_, key);
      }
    }
    return true;
  }

 private:
  std::vector<std::set<std::string>> keys_;
  std::string_view name_;
};

}  // namespace

Json parse_json(std::string_view text, std::string_view name) {
  if (text.size() > limits().max_json_bytes) {
    fail_input("{}: {} bytes of JSON, more than the limit of {}", name, text.size(),
               limits().max_json_bytes);
  }
  Bounds bounds(name);
  try {
    return Json::parse(text, std::ref(bounds));
  } catch (const Json::parse_error& error) {
    fail_input("{}: {}: not valid JSON: {}", name, place_of(text, error.byte), error.what());
  } catch (const Json::exception& error) {
    fail_input("{}: {}", name, error.what());
  }
}

Json load_json(const std::string& path) {
  return parse_json(read_text_file(path, limits().max_json_bytes), path);
}

const Json& json_member(const Json& object, std::string_view key, std::string_view name) {
  if (!object.is_object()) {
    fail_input("{}: expected an object with '{}', found {}", name, key, object.type_name());
  }
  const auto found = object.find(key);
  if (found == object.end()) fail_input("{}: key '{}' is missing", name, key);
  return *found;
}

std::string json_string(const Json& value, std::string_view name) {
  if (!value.is_string()) fail_input("{}: expected a string, found {}", name, value.type_name());
  return value.get<std::string>();
}

int64_t json_integer(const Json& value, std::string_view name) {
  const bool too_large = value.is_number_unsigned() && value.get<uint64_t>() > INT64_MAX;
  if (!value.is_number_integer() || too_large) {
    fail_input("{}: expected an integer, found {}", name,
               value.is_number() ? value.dump() : value.type_name());
  }
  return value.get<int64_t>();
}

double json_number(const Json& value, std::string_view name) {
  if (!value.is_number()) fail_input("{}: expected a number, found {}", name, value.type_name());
  return value.get<double>();
}

}  // namespace tendon
