// CompiledEngine: facts about the engine and plans for further shapes of its profile.
#include "engine/engine.h"

#include <algorithm>

#include "base/log.h"
#include "base/parallel.h"
#include "engine/build.h"
#include "engine/plan.h"
#include "engine/profile.h"
#include "ir/infer.h"

namespace tendon {
namespace {

/// Plans kept for shapes other than opt; each may hold packed weights of its own.
constexpr size_t kMaxCachedPlans = 8;

}  // namespace

const std::vector<LayerRecord>& CompiledEngine::layers() const { return plan()->layers; }

size_t CompiledEngine::weight_bytes() const {
  size_t bytes = 0;
  for (const Value& value : graph().values()) {
    if (value.constant) bytes += value.constant->byte_size();
  }
  return bytes;
}

size_t CompiledEngine::activation_bytes() const {
  return plan()->arena_bytes + plan()->device_arena_bytes;
}

std::optional<DeviceMemory> CompiledEngine::device_memory() const {
  const ExecutionPlan& p = *plan();
  if (p.device_arena_bytes == 0) return std::nullopt;
  DeviceMemory memory{p.device_weight_bytes, p.device_arena_bytes + p.device_queue_bytes,
                      p.arena_bytes, weight_bytes() + p.device_lower_bound};
  for (const TensorType& type : p.inputs) memory.pinned += byte_size(type);
  for (const TensorType& type : p.outputs) memory.pinned += byte_size(type);
  return memory;
}

void CompiledEngine::require_available() const {
  if (!unavailable().empty()) fail(ErrorKind::kUnsupported, "{}", unavailable());
}

std::shared_ptr<const ExecutionPlan> CompiledEngine::plan_for(std::span<const Shape> shapes) const {
  require_available();
  check_shapes(inputs(), shapes);
  const bool is_opt = std::ranges::equal(
      inputs(), shapes, {}, [](const EnginePort& port) -> const Shape& { return port.range.opt; });
  if (is_opt) return plan();

  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find_if(
      cache_, [&](const CachedPlan& cached) { return std::ranges::equal(cached.shapes, shapes); });
  if (found != cache_.end()) {
    std::rotate(found, found + 1, cache_.end());
  } else {
    CachedPlan made{{shapes.begin(), shapes.end()}, specialise(shapes)};
    if (cache_.size() == kMaxCachedPlans) cache_.erase(cache_.begin());
    cache_.push_back(std::move(made));
  }
  return cache_.back().plan;
}

std::shared_ptr<const ExecutionPlan> CompiledEngine::specialise(
    std::span<const Shape> shapes) const {
  const std::map<std::string, Shape> named = shapes_by_name(inputs(), shapes);
  std::vector<std::string> text;
  for (const auto& [input, shape] : named) text.push_back(fmt::format("{} {}", input, shape));
  log_verbose("Planning the engine for {}", fmt::join(text, ", "));
  Graph graph = symbolic();
  bind_inputs(graph, named);
  BuildInfo build = info();
  optimise(graph, build);
  const ThreadCountScope threads(info().threads);
  // The kernels that were chosen for the opt shapes, so that all shapes round alike.
  const std::shared_ptr<ExecutionPlan> made = make_plan(
      graph, parts_.backends, {info().threads, plan()->choice, {}, info().tf32, info().winograd});
  share_constants(*made, *plan());
  return made;
}

}  // namespace tendon
