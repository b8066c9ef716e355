// `tendon check lint`: everything odd in a model.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <set>

#include "api/lint.h"
#include "base/file.h"
#include "base/format.h"
#include "cli/output.h"
#include "cli/verb.h"

namespace tendon::cli {
namespace {

struct CheckCommand {
  std::string action;
  std::string model;
  std::string output;
};

std::string_view name_of(LintLevel level) {
  switch (level) {
    case LintLevel::kException: return "exception";
    case LintLevel::kWarning: return "warning";
    case LintLevel::kInfo: return "info";
  }
  return "info";
}

/// In the form of Polygraphy's report.
Json json_from(const LintReport& report) {
  std::set<std::string> failing;
  Json entries = Json::array();
  for (const LintEntry& entry : report.entries) {
    if (entry.level == LintLevel::kException) {
      failing.insert(entry.nodes.begin(), entry.nodes.end());
    }
    entries.push_back({{"level", name_of(entry.level)},
                       {"source", entry.source},
                       {"message", entry.message},
                       {"nodes", entry.nodes}});
  }
  Json passing = Json::array();
  for (const std::string& node : report.nodes) {
    if (!failing.contains(node)) passing.push_back(node);
  }
  return {{"summary", {{"passing", passing}, {"failing", failing}}}, {"lint_entries", entries}};
}

std::string text_from(const LintReport& report, const std::string& path) {
  std::string text;
  for (const LintEntry& entry : report.entries) {
    text += fmt::format("{:<9}  {:<8}  {}\n", name_of(entry.level), entry.source, entry.message);
    if (!entry.nodes.empty() && entry.nodes.size() <= 8) {
      text += fmt::format("{:21}nodes: {}\n", "", fmt::join(entry.nodes, ", "));
    }
  }
  const auto count = [&](LintLevel level) {
    return std::ranges::count(report.entries, level, &LintEntry::level);
  };
  return text + fmt::format("{}: {} nodes, {} exceptions, {} warnings, {} notes\n", path,
                            report.nodes.size(), count(LintLevel::kException),
                            count(LintLevel::kWarning), count(LintLevel::kInfo));
}

bool run(const CheckCommand& options, const CommonOptions& common) {
  const LintReport report = lint_onnx_path(options.model);
  const Json json = json_from(report);
  if (!options.output.empty()) {
    write_file_atomically(options.output,
                          json.dump(4, ' ', false, Json::error_handler_t::replace) + "\n");
  }
  common.json ? print_json(json) : print_text(text_from(report, options.model));
  return report.passed();
}

}  // namespace

Verb check_verb() {
  return {"check", "Say everything that is odd in a model",
          "  tendon check lint policy.onnx\n"
          "  tendon check lint policy.onnx --json -o report.json",
          [](CLI::App& app, const CommonOptions& common) -> std::function<bool()> {
            const auto options = std::make_shared<CheckCommand>();
            app.add_option("ACTION", options->action,
                           "lint: damage, operators that Tendon lacks and shapes that do not fit "
                           "(exceptions, exit status 1), dead nodes, doubled names and odd weights "
                           "(warnings)")
                ->required()
                ->check(CLI::IsMember({"lint"}));
            app.add_option("MODEL", options->model, "ONNX model")->required();
            app.add_option("-o,--output", options->output, "Write the report as JSON too")
                ->type_name("FILE");
            return [options, &common] { return run(*options, common); };
          }};
}

}  // namespace tendon::cli
