// Engine: the compiled engine's facts as public values.
#include <tendon/engine.h>

#include "api/engine_impl.h"

namespace tendon {
namespace {

std::vector<TensorInfo> infos_from(const std::vector<EnginePort>& ports) {
  std::vector<TensorInfo> infos;
  for (const EnginePort& port : ports) {
    TensorInfo info{port.name, port.dtype, {}};
    for (int i = 0; i < port.range.opt.rank(); ++i) {
      info.axes.push_back({port.range.min[i], port.range.max[i], {}});
    }
    infos.push_back(std::move(info));
  }
  return infos;
}

LayerInfo layer_info_from(const LayerRecord& record) {
  LayerInfo info{record.name,         record.type,        record.kernel,
                 record.precision,    record.outputs,     record.multiply_adds,
                 record.weight_bytes, record.bytes_moved, {}};
  for (const Decline& decline : record.declines) {
    info.declines.emplace_back(decline.kernel, decline.reason);
  }
  for (const TimedKernel& candidate : record.candidates) {
    info.candidates.emplace_back(candidate.kernel,
                                 static_cast<double>(candidate.nanoseconds) / 1e6);
  }
  return info;
}

}  // namespace

Engine::Engine(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

const std::string& Engine::name() const { return impl_->compiled->name(); }
const std::string& Engine::device() const { return impl_->compiled->info().device; }
std::vector<TensorInfo> Engine::inputs() const { return infos_from(impl_->compiled->inputs()); }
std::vector<TensorInfo> Engine::outputs() const { return infos_from(impl_->compiled->outputs()); }

std::map<std::string, Shape> Engine::opt_shapes() const {
  std::map<std::string, Shape> shapes;
  for (const EnginePort& port : impl_->compiled->inputs()) shapes[port.name] = port.range.opt;
  return shapes;
}

std::vector<LayerInfo> Engine::layers() const {
  std::vector<LayerInfo> layers;
  for (const LayerRecord& record : impl_->compiled->layers()) {
    layers.push_back(layer_info_from(record));
  }
  return layers;
}

std::vector<PassInfo> Engine::passes() const {
  std::vector<PassInfo> passes;
  for (const PassRecord& record : impl_->compiled->info().passes) {
    passes.push_back({record.name, record.seconds, record.nodes_removed, record.parameters_removed,
                      record.note});
  }
  return passes;
}

std::set<std::string> Engine::int8_layers() const {
  const auto& quantization = impl_->compiled->info().quantization;
  return quantization ? quantization->plan.int8_layers : std::set<std::string>();
}

std::vector<KeptLayer> Engine::kept_layers() const {
  std::vector<KeptLayer> layers;
  const auto& quantization = impl_->compiled->info().quantization;
  if (!quantization) return layers;
  for (const auto& [name, reason] : quantization->plan.kept) layers.push_back({name, reason});
  return layers;
}

std::map<std::string, std::string> Engine::metadata() const {
  std::map<std::string, std::string> all = impl_->compiled->info().metadata;
  all.insert(impl_->compiled->graph().metadata.begin(), impl_->compiled->graph().metadata.end());
  return all;
}

int Engine::threads() const { return impl_->compiled->info().threads; }
double Engine::build_seconds() const { return impl_->compiled->info().build_seconds; }
size_t Engine::weight_bytes() const { return impl_->compiled->weight_bytes(); }
size_t Engine::activation_bytes() const { return impl_->compiled->activation_bytes(); }

std::optional<GpuMemory> Engine::gpu_memory() const {
  const auto memory = impl_->compiled->device_memory();
  if (!memory) return std::nullopt;
  return GpuMemory{memory->weights, memory->activations, memory->pinned, memory->needed};
}

const std::string& Engine::unavailable() const { return impl_->compiled->unavailable(); }

}  // namespace tendon
