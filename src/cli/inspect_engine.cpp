// Engines as `tendon inspect` shows them.
#include <tendon/loaders.h>

#include <map>

#include "api/engine_impl.h"
#include "base/file.h"
#include "base/format.h"
#include "base/text_table.h"
#include "base/units.h"
#include "cli/gpu_memory.h"
#include "cli/inspect.h"
#include "cli/model_options.h"
#include "ir/dump.h"

namespace tendon::cli {
namespace {

using enum TextTable::Align;

std::string layer_table(const std::vector<LayerInfo>& layers) {
  TextTable table({{"layer"},
                   {"type"},
                   {"kernel"},
                   {"precision"},
                   {"output"},
                   {"MMAC", kRight},
                   {"weights", kRight}});
  for (const LayerInfo& layer : layers) {
    table.add_row({layer.name, layer.type, layer.kernel, std::string(name_of(layer.precision)),
                   layer.outputs.empty() ? "" : to_string(layer.outputs.front().shape),
                   fmt::format("{:.1f}", static_cast<double>(layer.multiply_adds) * 1e-6),
                   text_of_bytes(static_cast<double>(layer.weight_bytes))});
  }
  return table.to_string();
}

}  // namespace

Findings inspect_engine(const std::string& path, const Shown& show, const std::string& dot_path) {
  const Engine engine = engine_from_path(path);
  engine.impl().compiled->check_constants();
  const std::vector<LayerInfo> layers = engine.layers();
  std::map<std::string, std::pair<size_t, int64_t>> kernels;
  int64_t multiply_adds = 0;
  for (const LayerInfo& layer : layers) {
    auto& [count, work] = kernels[layer.kernel];
    ++count;
    work += layer.multiply_adds;
    multiply_adds += layer.multiply_adds;
  }
  if (!dot_path.empty()) {
    write_file_atomically(dot_path, dot_from_graph(engine.impl().compiled->graph()));
  }
  std::string memory = gpu_memory_text(engine);
  if (!memory.empty()) memory = fmt::format("  GPU memory   {}\n", memory);
  const FilePacked& packed = engine.impl().compiled->packed();
  std::string packed_text = "none";
  if (packed.bytes > 0) {
    packed_text = fmt::format("{} for {}; {} of {} used here",
                              text_of_bytes(static_cast<double>(packed.bytes)), packed.packer,
                              packed.mapped, packed.mapped + packed.made);
  }
  std::string unavailable = engine.unavailable();
  if (!unavailable.empty()) unavailable = fmt::format("  not here     {}\n", unavailable);
  Findings found;
  found.text = fmt::format(
      "{}: engine for {}, {} threads\n"
      "  name         {}\n  inputs\n{}\n  outputs\n{}\n"
      "  layers       {}, {:.2f} G multiply-adds\n"
      "  weights      {}\n  packed       {}\n  activations  {}\n{}{}\n",
      path, engine.device(), engine.threads(), engine.name(), to_string(engine.inputs()),
      to_string(engine.outputs()), layers.size(), static_cast<double>(multiply_adds) * 1e-9,
      text_of_bytes(static_cast<double>(engine.weight_bytes())), packed_text,
      text_of_bytes(static_cast<double>(engine.activation_bytes())), memory, unavailable);
  TextTable table({{"kernel"}, {"layers", kRight}, {"share of multiply-adds", kRight}});
  Json kernel_list = Json::array();
  for (const auto& [kernel, use] : kernels) {
    const double share = multiply_adds == 0
                             ? 0
                             : static_cast<double>(use.second) / static_cast<double>(multiply_adds);
    table.add_row({kernel, fmt::format("{}", use.first), fmt::format("{:.1f} %", 100 * share)});
    kernel_list.push_back({{"kernel", kernel}, {"layers", use.first}, {"share", share}});
  }
  found.text += table.to_string();
  if (show.contains("layers")) found.text += "\n" + layer_table(layers);
  for (const auto& [key, value] : engine.metadata()) {
    found.text += fmt::format("  {} = {}\n", key, value);
  }
  found.json = {{"kind", "engine"},
                {"path", path},
                {"device", engine.device()},
                {"threads", engine.threads()},
                {"inputs", infos_json(engine.inputs())},
                {"outputs", infos_json(engine.outputs())},
                {"multiply_adds", multiply_adds},
                {"weight_bytes", engine.weight_bytes()},
                {"packed_weights",
                 {{"bytes", packed.bytes},
                  {"packer", packed.packer},
                  {"mapped", packed.mapped},
                  {"packed_here", packed.made}}},
                {"activation_bytes", engine.activation_bytes()},
                {"kernels", kernel_list},
                {"metadata", engine.metadata()}};
  add_gpu_memory(found.json, engine);
  if (!engine.unavailable().empty()) found.json["unavailable"] = engine.unavailable();
  if (show.contains("layers")) {
    for (const LayerInfo& layer : layers) {
      found.json["layers"].push_back({{"name", layer.name},
                                      {"type", layer.type},
                                      {"kernel", layer.kernel},
                                      {"precision", name_of(layer.precision)},
                                      {"multiply_adds", layer.multiply_adds},
                                      {"weight_bytes", layer.weight_bytes}});
    }
  }
  return found;
}

}  // namespace tendon::cli
