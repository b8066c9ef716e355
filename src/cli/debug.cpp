// `tendon debug`: narrows a failure down, with a command as the judge.
#include <CLI/CLI.hpp>

#include "cli/debug_precision.h"
#include "cli/verb.h"

namespace tendon::cli {

Verb debug_verb() {
  return {"debug", "Find what makes a check fail",
          "  tendon debug precision policy.onnx --int8 --cache policy.cache -- tendon compare "
          "policy.onnx tendon_debug.engine --episodes held_out/ --stats dataset_stats.pkl --limit "
          "'*=0.01'",
          [](CLI::App& app, const CommonOptions& common) -> std::function<bool()> {
            app.require_subcommand(1);
            CLI::App* precision = app.add_subcommand(
                "precision", "Find the layers that must leave INT8 before a command passes");
            precision->fallthrough();
            return define_debug_precision(*precision, common);
          }};
}

}  // namespace tendon::cli
