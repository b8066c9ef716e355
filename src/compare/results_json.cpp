// RunResults in Polygraphy's JSON form.
#include "api/polygraphy_json.h"
#include "base/file.h"
#include "base/format.h"
#include "compare/results_file.h"

namespace tendon {
namespace {

Json json_from_iteration(const IterationResult& iteration, const std::string& runner) {
  Json outputs = Json::object();
  for (const auto& [name, tensor] : iteration.outputs) {
    outputs[name] = {{"values", json_from_tensor(tensor)}, {kPolygraphyClass, "LazyArray"}};
  }
  return {{"outputs", std::move(outputs)},
          {"runtime", iteration.runtime},
          {"runner_name", runner},
          {kPolygraphyClass, "IterationResult"}};
}

/// Polygraphy writes null for a runtime that was not measured.
double runtime_from_json(const Json& value, const std::string& place) {
  return value.is_null() ? 0 : json_number(value, place);
}

RunnerResults runner_from_json(const Json& entry, const std::string& place) {
  if (!entry.is_array() || entry.size() != 2 || !entry[1].is_array()) {
    fail_input("{}: expected [runner name, list of iterations]", place);
  }
  RunnerResults result{json_string(entry[0], place), {}};
  for (const Json& item : entry[1]) {
    const std::string here = fmt::format("{}, iteration {}", place, result.iterations.size());
    result.iterations.push_back({tensor_map_from_json(json_member(item, "outputs", here), here),
                                 runtime_from_json(json_member(item, "runtime", here), here)});
  }
  return result;
}

}  // namespace

RunResults results_from_json(const std::string& path) {
  const Json document = load_json(path);
  const Json& list = json_member(document, "lst", path);
  if (!list.is_array())
    fail_input("{}: 'lst' is no list; expected one entry for each runner", path);
  RunResults results;
  for (const Json& entry : list) {
    results.runners.push_back(
        runner_from_json(entry, fmt::format("{}, runner {}", path, results.runners.size())));
  }
  return results;
}

void save_results_as_json(const RunResults& results, const std::string& path) {
  Json list = Json::array();
  for (const RunnerResults& runner : results.runners) {
    Json iterations = Json::array();
    for (const IterationResult& iteration : runner.iterations) {
      iterations.push_back(json_from_iteration(iteration, runner.runner));
    }
    list.push_back(Json::array({runner.runner, std::move(iterations)}));
  }
  const Json document = {{"lst", std::move(list)}, {kPolygraphyClass, "RunResults"}};
  write_file_atomically(path, document.dump(4, ' ', false, Json::error_handler_t::replace));
}

}  // namespace tendon
