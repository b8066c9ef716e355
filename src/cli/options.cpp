// The shared option groups; logging follows Polygraphy's flags and steps.
#include "cli/options.h"

#include <tendon/log.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <optional>

#include "base/format.h"
#include "base/limits.h"

namespace tendon::cli {
namespace {

/// From the least quiet to the most; -v moves one to the left of kInfo, -q one to the right.
constexpr std::array kSteps = {
    Severity::kUltraVerbose, Severity::kSuperVerbose, Severity::kExtraVerbose, Severity::kVerbose,
    Severity::kInfo,         Severity::kStart,        Severity::kFinish,       Severity::kWarning,
    Severity::kError,        Severity::kCritical};
constexpr int kInfoStep = 4;

const std::map<std::string, Severity>& severities() {
  static const std::map<std::string, Severity> names = {{"ULTRA_VERBOSE", Severity::kUltraVerbose},
                                                        {"SUPER_VERBOSE", Severity::kSuperVerbose},
                                                        {"EXTRA_VERBOSE", Severity::kExtraVerbose},
                                                        {"VERBOSE", Severity::kVerbose},
                                                        {"INFO", Severity::kInfo},
                                                        {"START", Severity::kStart},
                                                        {"FINISH", Severity::kFinish},
                                                        {"WARNING", Severity::kWarning},
                                                        {"ERROR", Severity::kError},
                                                        {"CRITICAL", Severity::kCritical}};
  return names;
}

std::optional<double> number_from(const std::string& text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  return parsed.ec == std::errc() && parsed.ptr == end ? std::optional(value) : std::nullopt;
}

}  // namespace

std::string require_positive(const std::string& text) {
  const auto number = number_from(text);
  return number && *number > 0 ? "" : fmt::format("expected a number above 0, got '{}'", text);
}

std::string require_not_negative(const std::string& text) {
  const auto number = number_from(text);
  return number && *number >= 0 ? "" : fmt::format("expected a number from 0 on, got '{}'", text);
}

void add_common_options(CLI::App& app, CommonOptions& common) {
  app.add_flag("--json", common.json, "Print the result as one JSON object")->group("Output");
  app.add_option("--read-limit", common.read_limits,
                 fmt::format("Change a limit on what files may hold, NAME=N; in force: {}",
                             fmt::join(describe_limits(), ", ")))
      ->allow_extra_args(false)
      ->type_name("NAME=N")
      ->group("Limits");
  app.add_flag("-v,--verbose", common.verbose, "Log more; repeat for still more")->group("Logging");
  app.add_flag("-q,--quiet", common.quiet, "Log less; repeat for still less")->group("Logging");
  app.add_flag("--silent", common.silent, "Log nothing but why a command fails")->group("Logging");
  app.add_option("--verbosity", common.verbosity, "Log from this severity on")
      ->transform(CLI::IsMember(&severities(), CLI::ignore_case))
      ->type_name("SEVERITY")
      ->group("Logging");
  app.add_option("--log-file", common.log_file, "Append the log to this file")
      ->type_name("FILE")
      ->group("Logging");
}

void apply_log_options(const CommonOptions& common) {
  Severity severity = kSteps[static_cast<size_t>(std::clamp(
      kInfoStep + common.quiet - common.verbose, 0, static_cast<int>(kSteps.size()) - 1))];
  if (!common.verbosity.empty()) severity = severities().at(common.verbosity);
  if (common.silent) severity = Severity::kCritical;
  Logger::global().set_severity(severity);
  if (!common.log_file.empty()) Logger::global().set_log_file(common.log_file);
}

void apply_read_limits(const CommonOptions& common) {
  for (const std::string& text : common.read_limits) {
    const size_t equals = text.find('=');
    int64_t value = 0;
    const char* const end = text.data() + text.size();
    const char* const start = equals == std::string::npos ? end : text.data() + equals + 1;
    const auto parsed = std::from_chars(start, end, value);
    if (start == end || parsed.ec != std::errc() || parsed.ptr != end) {
      fail(ErrorKind::kUsage, "--read-limit '{}': expected NAME=N with a whole number", text);
    }
    set_limit(std::string_view(text).substr(0, equals), value);
  }
}

}  // namespace tendon::cli
