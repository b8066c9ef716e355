// The program `tendon`: one table of verbs, options, exit statuses.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <new>
#include <span>

#include "base/log.h"
#include "cli/output.h"
#include "cli/verb.h"

// The verbs, in the order in which --help shows them.
#define TENDON_VERBS(VERB) \
  VERB(inspect)            \
  VERB(calibrate)          \
  VERB(export)             \
  VERB(build)              \
  VERB(convert)            \
  VERB(surgeon)            \
  VERB(check)              \
  VERB(data)               \
  VERB(debug)              \
  VERB(run)                \
  VERB(compare)            \
  VERB(bench)              \
  VERB(doctor)             \
  VERB(completion)

namespace tendon::cli {

#define DECLARE_VERB(name) Verb name##_verb();
TENDON_VERBS(DECLARE_VERB)
#undef DECLARE_VERB

namespace {

constexpr int kDone = 0;

using Clock = std::chrono::steady_clock;

std::string_view name_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kCheckFailed: return "check failed";
    case ErrorKind::kUsage: return "wrong usage";
    case ErrorKind::kBadInput: return "bad input";
    case ErrorKind::kUnsupported: return "not supported here";
    case ErrorKind::kInternal: return "internal error";
  }
  return "internal error";
}

/// One call of the program, from its start to its PASSED or FAILED line.
struct Call {
  int argc;
  char** argv;
  CommonOptions common;
  Clock::time_point start = Clock::now();

  void log_end(bool passed) const {
    const std::span<char*> arguments(argv + 1, argv + argc);
    log(passed ? Severity::kFinish : Severity::kError, "{} | Runtime: {:.3f}s | Command: tendon {}",
        passed ? "PASSED" : "FAILED", std::chrono::duration<double>(Clock::now() - start).count(),
        fmt::join(arguments, " "));
  }

  /// As a shell takes it.
  std::string quoted() const {
    std::string text = "tendon";
    for (const std::string_view argument : std::span<char*>(argv + 1, argv + argc)) {
      constexpr std::string_view kPlain =
          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%_+=:,./-";
      const bool plain = !argument.empty() && argument.find_first_not_of(kPlain) == argument.npos;
      text += ' ';
      if (plain) {
        text += argument;
        continue;
      }
      text += '\'';
      for (const char c : argument) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
      text += '\'';
    }
    return text;
  }

  int report(const Error& error) const {
    log_critical("{}", error.what());
    if (common.json) {
      print_json(Json{{"error", {{"kind", name_of(error.kind())}, {"message", error.what()}}},
                      {"exit_status", error.exit_status()}});
    }
    std::fflush(stdout);
    log_end(false);
    return error.exit_status();
  }
};

/// CLI11 names the stray argument only; a mistyped verb deserves the list of verbs.
void check_verb_name(const CLI::App& app, const Call& call) {
  const std::string_view given = call.argc < 2 ? "" : call.argv[1];
  if (given.starts_with('-')) return;
  std::vector<std::string> names;
  for (const CLI::App* verb : app.get_subcommands({})) names.push_back(verb->get_name());
  if (std::find(names.begin(), names.end(), given) == names.end()) {
    fail(ErrorKind::kUsage, "{}; the verbs are {}; see tendon --help",
         given.empty() ? "a verb is missing" : fmt::format("there is no verb '{}'", given),
         fmt::join(names, ", "));
  }
}

int run(Call& call) {
  CLI::App app("Tendon compiles a robot policy to an engine, runs it and compares it.", "tendon");
  app.set_version_flag("--version", "tendon " TENDON_VERSION);
  app.require_subcommand(1);
  app.get_formatter()->label("SUBCOMMAND", "VERB");
  app.footer("tendon VERB --help shows the options of a verb and an example.");

  std::function<bool()> chosen;
  const auto add = [&](const Verb& verb) {
    CLI::App* sub = app.add_subcommand(std::string(verb.name), std::string(verb.help));
    sub->group("Verbs");
    sub->footer(fmt::format("Example:\n{}", verb.example));
    std::function<bool()> action = verb.define(*sub, call.common);
    add_common_options(*sub, call.common);
    sub->final_callback([&chosen, action = std::move(action)] { chosen = action; });
  };
#define ADD_VERB(name) add(name##_verb());
  TENDON_VERBS(ADD_VERB)
#undef ADD_VERB

  check_verb_name(app, call);
  try {
    app.parse(call.argc, call.argv);
  } catch (const CLI::Success& help) {
    app.exit(help);
    flush_output();
    return kDone;
  } catch (const CLI::ParseError& error) {
    const auto used = app.get_subcommands();
    fail(ErrorKind::kUsage, "{}; see tendon{} --help", error.what(),
         used.empty() ? "" : " " + used.front()->get_name());
  }

  apply_log_options(call.common);
  apply_read_limits(call.common);
  call.common.command = call.quoted();
  const bool passed = chosen();
  flush_output();
  call.log_end(passed);
  return passed ? kDone : static_cast<int>(ErrorKind::kCheckFailed);
}

}  // namespace
}  // namespace tendon::cli

int main(int argc, char** argv) {
  using namespace tendon;
  cli::Call call{argc, argv, {}};
  try {
    return cli::run(call);
  } catch (const Error& error) {
    return call.report(error);
  } catch (const std::bad_alloc&) {
    return call.report(
        Error(ErrorKind::kUnsupported, "this machine has too little memory for this"));
  } catch (const std::exception& error) {
    return call.report(Error(ErrorKind::kInternal,
                             fmt::format("internal error (a bug of ours): {}", error.what())));
  }
}
