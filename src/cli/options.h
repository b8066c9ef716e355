// Option groups that several verbs share, so that a flag means the same everywhere.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

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
};

void add_common_options(CLI::App& app, CommonOptions& common);

/// Sets the logger's severity and file. Throws Error{kUsage} for a file that cannot be opened.
void apply_log_options(const CommonOptions& common);

}  // namespace tendon::cli
