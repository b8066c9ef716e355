// `tendon debug precision`: which layers must leave INT8.
#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace tendon::cli {

struct CommonOptions;

/// Adds the subcommand's options; what it returns runs it, as Verb::define says.
std::function<bool()> define_debug_precision(CLI::App& app, const CommonOptions& common);

}  // namespace tendon::cli
