// Option groups that several verbs share, so that a flag means the same everywhere.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace tendon::cli {

/// The options of every verb.
struct CommonOptions {
  /// The whole call, quoted for a shell.
  std::string command;
  bool json = false;
  int verbose = 0;
  int quiet = 0;
  bool silent = false;
  std::string verbosity;
  std::string log_file;
  /// "nodes=200000"
  std::vector<std::string> read_limits;
};

void add_common_options(CLI::App& app, CommonOptions& common);

/// For CLI::Option::check: what is wrong with the number `text`, or nothing.
std::string require_positive(const std::string& text);
std::string require_not_negative(const std::string& text);

/// Sets the logger's severity and file. Throws Error{kUsage} for a file that cannot be opened.
void apply_log_options(const CommonOptions& common);
/// Changes the limits on files. Throws Error{kUsage} for a name or number that does not fit.
void apply_read_limits(const CommonOptions& common);

}  // namespace tendon::cli
