#include "api/observed_engine.h"

#include <algorithm>

#include "api/network_impl.h"
#include "backends/registry.h"
#include "base/log.h"
#include "base/parallel.h"

namespace tendon {

ObservedEngine::ObservedEngine(const Network& network, const std::map<std::string, Shape>& shapes,
                               const std::string& device, int threads) {
  BuildConfig config;
  config.device = device;
  config.threads = threads;
  for (const auto& [name, shape] : shapes) config.profile[name] = {shape, shape, shape};
  // An observed result keeps its pool outside, and without that the fusion gains nothing; it keeps
  // its bias and its scale too, whether or not something observes it.
  config.disabled_passes = kNotWhileObserving;
  config.after_canonical = [&](Graph& graph) {
    values_ = calibrated_values(graph);
    consumers_ = consumers_of(graph, values_);
    insert_observers(graph, values_);
  };
  engine_ = build_engine(network.impl().graph, config, backends_for_device(device));
  context_ = std::make_unique<ExecutionContext>(engine_);
  context_->prepare();
  const Graph& graph = engine_->graph();
  for (const Node& node : graph.nodes()) {
    const auto* observe = std::get_if<Observe>(&node.op);
    if (observe == nullptr) continue;
    TENDON_ASSERT(observe->name == node.name);
    add_slot(node.name, graph.shape(node.outputs[0]), static_cast<int>(observe->axis), false);
  }
  for (const CalibratedValue& value : values_) {
    if (value.source.empty() || slots_.contains(value.source)) continue;
    const ValueId id = graph.find_value(value.source);
    TENDON_ASSERT(graph.is_input(id));
    add_slot(value.source, graph.shape(id), value.source_axis, true);
  }
  find_shifted();
  discard();
}

void ObservedEngine::find_shifted() {
  const Graph& graph = engine_->graph();
  for (const Node& node : graph.nodes()) {
    if (!std::holds_alternative<Observe>(node.op)) continue;
    Slot& slot = slots_.find(node.name)->second;
    auto shifted = shifted_input(graph, node.inputs[0], slot.split);
    if (!shifted) continue;
    const auto input = slots_.find(shifted->input);
    // A channel of the input must be made of whole planes too.
    if (input == slots_.end() || input->second.split.inner % shifted->plane != 0) continue;
    if (input->second.shifted && input->second.shifted->plane != shifted->plane) continue;
    input->second.shifted = {shifted->input, std::vector<float>(shifted->offsets.size()),
                             shifted->plane};
    input->second.pictures = &input->second;
    slot.shifted = std::move(shifted);
    slot.pictures = &input->second;
  }
}

void ObservedEngine::add_slot(const std::string& name, const Shape& shape, int axis,
                              bool is_input) {
  Slot& slot = slots_[name];
  slot.split = shape.rank() == 0 ? AxisSplit{} : split_at(shape, axis);
  slot.shape = shape;
  slot.axis = axis;
  slot.is_input = is_input;
  slot.total.reset(static_cast<size_t>(slot.split.count), is_input);
  slot.frame.resize(static_cast<size_t>(engine_->info().threads));
}

void ObservedEngine::look_at(const std::string& name, const void* elements) {
  const auto found = slots_.find(name);
  TENDON_ASSERT(found != slots_.end());
  Slot& slot = found->second;
  if (held_out_) {
    const ObservedTensor tensor{static_cast<const float*>(elements), slot.shape, slot.axis};
    for (const Consumer& consumer : consumers_) {
      if (consumer.source == name) draw_rows(consumer, tensor, *held_out_, drawn_[consumer.name]);
    }
    return;
  }
  if (count_bytes(slot, static_cast<const float*>(elements))) return;
  accumulator_.add(static_cast<const float*>(elements), slot.split, slot.frame);
  const bool bad = std::ranges::any_of(
      slot.frame, [](const ValueStatistics& share) { return share.non_finite > 0; });
  if (bad && non_finite_.empty()) non_finite_ = name;
}

bool ObservedEngine::count_bytes(Slot& slot, const float* elements) {
  if (!slot.shifted) return false;
  const ShiftedInput& shifted = *slot.shifted;
  ByteCounts& bytes = slot.pictures->bytes;
  // What were no bytes once will hardly be later.
  if (slot.is_input &&
      (!slot.total.byte_exact || !bytes.count(elements, shifted.offsets.size(), shifted.plane))) {
    bytes.forget();
  }
  if (!bytes.known()) return false;
  bytes.add_to(slot.frame[0], slot.split, shifted.offsets);
  return true;
}

std::string ObservedEngine::observe_inputs(const TensorMap& inputs) {
  const ThreadCountScope threads(engine_->info().threads);
  for (const auto& [name, slot] : slots_) {
    if (slot.is_input) look_at(name, inputs.find(name)->second.raw());
  }
  return non_finite_;
}

std::string ObservedEngine::run(const TensorMap& inputs, const TensorMap*& outputs) {
  outputs = &context_->infer(inputs, nullptr, [&](const StepResult& result) {
    if (result.layer.type == Observe::kOnnxType) look_at(result.layer.name, result.outputs[0]);
  });
  return non_finite_;
}

void ObservedEngine::hold_out(std::optional<FrameKey> frame) { held_out_ = frame; }

void ObservedEngine::commit() {
  for (const auto& [name, rows] : drawn_) samples_[name].merge(rows);
  end_frame(!held_out_);
}

void ObservedEngine::discard() { end_frame(false); }

void ObservedEngine::end_frame(bool keep) {
  non_finite_.clear();
  drawn_.clear();
  std::vector<Slot*> slots;
  for (auto& [name, slot] : slots_) slots.push_back(&slot);
  const ThreadCountScope threads(engine_->info().threads);
  parallel_for(static_cast<int64_t>(slots.size()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      Slot& slot = *slots[static_cast<size_t>(i)];
      for (ValueStatistics& share : slot.frame) {
        if (keep) slot.total.merge(share);
        share.reset(static_cast<size_t>(slot.split.count), slot.is_input,
                    slot.total.histogram.exponent());
      }
    }
  });
}

std::map<std::string, ValueStatistics, std::less<>> ObservedEngine::totals() const {
  std::map<std::string, ValueStatistics, std::less<>> totals;
  for (const auto& [name, slot] : slots_) totals.emplace(name, slot.total);
  return totals;
}

void ObservedEngine::restore(const std::map<std::string, ValueStatistics, std::less<>>& totals,
                             RowSamples samples) {
  for (auto& [name, slot] : slots_) {
    const auto found = totals.find(name);
    if (found == totals.end() || totals.size() != slots_.size()) {
      fail_input("the statistics are of other values; '{}' is not among them", name);
    }
    slot.total = found->second;
  }
  samples_ = std::move(samples);
  discard();
}

}  // namespace tendon
