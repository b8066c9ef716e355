// `tendon debug reduce`: the smallest part of a model for which a command still fails.
#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace tendon::cli {

struct CommonOptions;

/// Adds the subcommand's options; what it returns runs it, as Verb::define says.
std::function<bool()> define_debug_reduce(CLI::App& app, const CommonOptions& common);

}  // namespace tendon::cli
