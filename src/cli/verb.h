// What a verb of the command line is.
#pragma once

#include <functional>
#include <string_view>

#include "cli/options.h"

namespace CLI {
class App;
}

namespace tendon::cli {

/// One file defines one verb: `Verb inspect_verb()`, listed by name in main.cpp.
struct Verb {
  std::string_view name;
  std::string_view help;     ///< one line
  std::string_view example;  ///< one command a line
  /// Adds the verb's options to `app`. What it returns runs the verb after parsing: true when the
  /// verb passed, false when a comparison or check failed (exit status 1). It throws Error
  /// otherwise.
  std::function<bool()> (*define)(CLI::App& app, const CommonOptions& common);
};

}  // namespace tendon::cli
