// `tendon data`: Polygraphy's JSON files of inputs and results as .npz, and back.
#include <tendon/data_loader.h>
#include <tendon/run_results.h>

#include <CLI/CLI.hpp>

#include "api/tensor_maps.h"
#include "base/file.h"
#include "base/format.h"
#include "base/npz.h"
#include "cli/output.h"
#include "cli/verb.h"

namespace tendon::cli {
namespace {

struct DataCommand {
  std::string action;
  std::string input;
  std::string output;
};

/// Inputs are a list of objects; results are an object, and in .npz have names of runners.
bool holds_results(const std::string& path) {
  if (!is_npz_path(path)) {
    const auto file = MappedFile::open(path);
    for (const std::byte byte : file->bytes()) {
      const auto c = static_cast<char>(byte);
      if (c != ' ' && c != '\n' && c != '\r' && c != '\t') return c == '{';
    }
    fail_input("'{}' is empty, expected JSON", path);
  }
  return load_npz(path).contains("0/name");
}

void require_ending(const std::string& path, std::string_view ending, std::string_view action) {
  if (!path.ends_with(ending)) {
    fail(ErrorKind::kUsage, "{}: '{}' does not end in {}", action, path, ending);
  }
}

bool run(const DataCommand& options, const CommonOptions& common) {
  const std::string& action = options.action;
  if (action == "from-json") require_ending(options.input, ".json", action);
  if (action == "to-npz") require_ending(options.output, ".npz", action);
  if (action == "to-json") require_ending(options.output, ".json", action);
  Json facts{{"input", options.input}, {"output", options.output}};
  if (holds_results(options.input)) {
    const RunResults results = RunResults::load(options.input);
    results.save(options.output);
    facts["kind"] = "results";
    facts["runners"] = Json::array();
    for (const RunnerResults& runner : results.runners) {
      facts["runners"].push_back(
          {{"name", runner.runner}, {"iterations", runner.iterations.size()}});
    }
  } else {
    const auto maps = save_tensor_maps(tensor_maps_from_path(options.input), options.output);
    facts["kind"] = "inputs";
    facts["iterations"] = maps.size();
    facts["arrays"] = Json::array();
    if (!maps.empty()) {
      for (const auto& [name, tensor] : maps[0]) {
        facts["arrays"].push_back({{"name", name}, {"type", to_string(tensor.type())}});
      }
    }
  }
  if (common.json) {
    print_json(facts);
  } else if (facts["kind"] == "results") {
    print_text(fmt::format("{}: results of {} runners\n", options.output, facts["runners"].size()));
  } else {
    print_text(fmt::format("{}: {} iterations of {} arrays\n", options.output,
                           facts["iterations"].get<size_t>(), facts["arrays"].size()));
  }
  return true;
}

}  // namespace

Verb data_verb() {
  return {"data", "Convert inputs and results between Polygraphy's JSON and .npz",
          "  tendon data to-npz inputs.json -o inputs.npz\n"
          "  tendon data to-json results.npz -o results.json",
          [](CLI::App& app, const CommonOptions& common) -> std::function<bool()> {
            const auto options = std::make_shared<DataCommand>();
            app.add_option("ACTION", options->action,
                           "to-npz and to-json name the form that is written, from-json the one "
                           "that is read")
                ->required()
                ->check(CLI::IsMember({"to-npz", "from-json", "to-json"}));
            app.add_option("FILE", options->input,
                           "Inputs (a list with an object of arrays for each iteration) or results "
                           "of Polygraphy's or Tendon's runs, as .json or .npz")
                ->required();
            app.add_option("-o,--output", options->output, "File to write: .npz or .json")
                ->required()
                ->type_name("FILE");
            return [options, &common] { return run(*options, common); };
          }};
}

}  // namespace tendon::cli
