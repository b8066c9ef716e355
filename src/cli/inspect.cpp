// `tendon inspect`: what a model, engine, checkpoint, episode, statistics file or archive holds.
#include "cli/inspect.h"

#include <CLI/CLI.hpp>

#include "base/format.h"
#include "cli/model_options.h"
#include "cli/verb.h"

namespace tendon::cli {
namespace {

struct InspectCommand {
  std::string path;
  std::vector<std::string> show;
  std::string dot;
};

Findings inspect(const InspectCommand& options) {
  const Shown show(options.show.begin(), options.show.end());
  const FileKind kind = kind_of_file(options.path);
  if (!options.dot.empty() && kind != FileKind::kOnnx && kind != FileKind::kEngine) {
    fail(ErrorKind::kUsage, "--dot draws models and engines; '{}' is neither", options.path);
  }
  switch (kind) {
    case FileKind::kOnnx: return inspect_model(options.path, show, options.dot);
    case FileKind::kEngine: return inspect_engine(options.path, show, options.dot);
    case FileKind::kCheckpoint: return inspect_checkpoint(options.path, show);
    case FileKind::kHdf5:
    case FileKind::kFolder: return inspect_episodes(options.path);
    case FileKind::kPickle:
    case FileKind::kJson: return inspect_stats(options.path);
    case FileKind::kNpz: return inspect_arrays(options.path);
  }
  fail(ErrorKind::kInternal, "unknown kind of file '{}'", options.path);
}

}  // namespace

Json infos_json(const std::vector<TensorInfo>& infos) {
  Json list = Json::array();
  for (const TensorInfo& info : infos) {
    list.push_back(
        {{"name", info.name}, {"dtype", name_of(info.dtype)}, {"shape", to_string(info.axes)}});
  }
  return list;
}

Verb inspect_verb() {
  return {
      "inspect", "Say what a model, engine, checkpoint, episode, statistics file or archive holds",
      "  tendon inspect policy.onnx\n"
      "  tendon inspect policy.onnx --show layers,attrs,weights\n"
      "  tendon inspect policy.engine --show layers --dot layers.dot",
      [](CLI::App& app, const CommonOptions& common) -> std::function<bool()> {
        const auto options = std::make_shared<InspectCommand>();
        app.add_option(
               "FILE", options->path,
               "Model (.onnx), engine (.engine), checkpoint (.ckpt, .safetensors, LeRobot's "
               "folder), episode (.hdf5) or a folder of them, statistics (.pkl, .json), "
               "arrays (.npz)")
            ->required();
        app.add_option("--show", options->show,
                       "Also list layers; of models also attrs (every attribute of every layer), "
                       "weights (with their ranges) and subgraph (functions and branches)")
            ->delimiter(',')
            ->check(CLI::IsMember({"layers", "attrs", "weights", "subgraph"}));
        app.add_option("--dot", options->dot, "Write the graph for Graphviz")->type_name("FILE");
        return [options, &common] {
          const Findings findings = inspect(*options);
          common.json ? print_json(findings.json) : print_text(findings.text);
          return true;
        };
      }};
}

}  // namespace tendon::cli
