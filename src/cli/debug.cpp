// `tendon debug`: narrows a failure down, with a command as the judge.
#include <CLI/CLI.hpp>

#include "cli/debug_precision.h"
#include "cli/debug_reduce.h"
#include "cli/verb.h"

namespace tendon::cli {

Verb debug_verb() {
  return {"debug", "Find what makes a check fail",
          "  tendon debug reduce policy.onnx -o small.onnx --check 'tendon build {} -o /dev/null'\n"
          "  tendon debug precision policy.onnx --int8 --cache policy.cache -o passes.engine "
          "--check './try_policy.sh {}'",
          [](CLI::App& app, const CommonOptions& common) -> std::function<bool()> {
            app.require_subcommand(1);
            CLI::App* reduce =
                app.add_subcommand("reduce", "The smallest part of a model that still fails");
            CLI::App* precision = app.add_subcommand(
                "precision", "The layers that must leave INT8 before a command passes");
            const auto reducing = define_debug_reduce(*reduce, common);
            const auto raising = define_debug_precision(*precision, common);
            for (CLI::App* action : {reduce, precision}) action->fallthrough();
            return [=] { return reduce->parsed() ? reducing() : raising(); };
          }};
}

}  // namespace tendon::cli
