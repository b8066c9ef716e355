#include "engine/tactics_file.h"

#include "base/json.h"
#include "base/limits.h"

namespace tendon {
namespace {

constexpr std::string_view kFormat = "tendon tactics";
constexpr int64_t kVersion = 1;

}  // namespace

std::vector<Tactic> tactics_from_text(std::string_view text, std::string_view name) {
  const std::string place = fmt::format("tactics '{}'", name);
  const Json json = parse_json(text, name);
  const std::string format = json_string(json_member(json, "format", place), place + ", format");
  const int64_t version = json_integer(json_member(json, "version", place), place + ", version");
  if (format != kFormat || version != kVersion) {
    fail_input("{}: is '{}' of version {}, expected '{}' of version {}", place, format, version,
               kFormat, kVersion);
  }
  const Json& layers = json_member(json, "layers", place);
  if (!layers.is_array()) {
    fail_input("{}, layers: found {}, expected a list", place, layers.type_name());
  }
  if (layers.size() > static_cast<size_t>(limits().max_nodes)) {
    fail_input("{}: has {} layers, at most {} are read (limit 'nodes')", place, layers.size(),
               limits().max_nodes);
  }
  std::vector<Tactic> tactics;
  for (const Json& layer : layers) {
    const std::string at = fmt::format("{}, layer {}", place, tactics.size());
    const auto member = [&](std::string_view key) {
      return json_string(json_member(layer, key, at), fmt::format("{}, {}", at, key));
    };
    tactics.push_back({member("name"), {member("backend"), member("kernel")}});
  }
  return tactics;
}

std::string text_from_tactics(const std::vector<Tactic>& tactics) {
  Json layers = Json::array();
  for (const Tactic& tactic : tactics) {
    layers.push_back({{"name", tactic.layer},
                      {"backend", tactic.kernel.backend},
                      {"kernel", tactic.kernel.kernel}});
  }
  const Json json = {{"format", kFormat}, {"version", kVersion}, {"layers", layers}};
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace tendon
