// Lays out a graph: views alias their input, kernels work in place where they can, everything else
// gets a place in the arena for as long as something reads it.
#include "engine/plan.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <map>

#include "engine/memory_plan.h"
#include "engine/memory_tally.h"
#include "engine/parts.h"
#include "engine/place_copies.h"

namespace tendon {
namespace {

using Place = Operand::Place;
/// Keeps every sum of sizes far from overflow.
constexpr size_t kMaxTensorBytes = size_t{1} << 40;
constexpr int kAfterTheRun = std::numeric_limits<int>::max() - 1;

/// Bytes that one or more values occupy.
struct Storage {
  Place place = Place::kArena;
  size_t at = 0;  ///< as in Operand; for constants the value's id
  Lifetime lifetime;
};

size_t physical_memory() {
  return static_cast<size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<size_t>(sysconf(_SC_PAGE_SIZE));
}

class Layout {
 public:
  Layout(const Graph& graph, std::span<const ChosenKernel> layers)
      : graph_(graph),
        layers_(layers),
        storage_of_(graph.values().size(), -1),
        offset_in_storage_(graph.values().size(), 0) {
    for (const ChosenKernel& layer : layers) {
      if (layer.device != nullptr) plan_->device = layer.device;
    }
  }

  std::shared_ptr<ExecutionPlan> make() {
    find_last_reads();
    find_parts();
    place_inputs();
    const std::vector<NodeId> order = graph_.topological_order();
    int step = 0;
    for (const NodeId id : order) {
      if (step < static_cast<int>(layers_.size()) &&
          layers_[static_cast<size_t>(step)].node == id) {
        place_outputs(step);
        ++step;
      } else {
        const Node& node = graph_.node(id);
        share_storage(node.outputs[0], node.inputs[0]);
        ++plan_->views;
      }
    }
    claim_outputs();
    assign_offsets();
    fill_steps();
    return plan_;
  }

 private:
  static size_t index(int32_t id) { return static_cast<size_t>(id); }
  size_t bytes_of(ValueId id) const {
    const TensorType& type = graph_.type(id);
    const auto count = static_cast<size_t>(type.shape.element_count());
    if (count > kMaxTensorBytes / size_of(type.dtype)) {
      fail_input("value '{}' of type {} does not fit in memory; check the shapes of the model",
                 graph_.value(id).name, type);
    }
    return count * size_of(type.dtype);
  }
  Storage& storage_at(int id) { return storages_[static_cast<size_t>(id)]; }

  Place arena_of(int step) const {
    return layers_[static_cast<size_t>(step)].device == nullptr ? Place::kArena
                                                                : Place::kDeviceArena;
  }
  /// Where a step's outputs go: a copy to the host ends there.
  Place output_place(int step) const {
    const bool to_host = layers_[static_cast<size_t>(step)].copy == CopyDirection::kToHost;
    return to_host ? Place::kArena : arena_of(step);
  }

  int add_storage(Storage storage) {
    storages_.push_back(storage);
    return static_cast<int>(storages_.size()) - 1;
  }

  /// The storage of a value that is made before it is read; constants get theirs here.
  int storage(ValueId id) {
    int& found = storage_of_[index(id)];
    if (found < 0) {
      TENDON_ASSERT(graph_.is_constant(id));
      found = add_storage({Place::kConstant, index(id), {}});
    }
    return found;
  }

  void share_storage(ValueId id, ValueId with) {
    storage_of_[index(id)] = storage(with);
    offset_in_storage_[index(id)] = offset_in_storage_[index(with)];
  }

  /// The input whose bytes output 0 of a node is: that of a view, or of a kernel that says so.
  size_t aliased_input(int step, bool is_layer) const {
    return is_layer ? static_cast<size_t>(layers_[static_cast<size_t>(step)].kernel->alias_input())
                    : 0;
  }

  /// The last step that reads each value, through views.
  void find_last_reads() {
    last_read_.assign(graph_.values().size(), -1);
    for (const ValueId id : graph_.outputs()) last_read_[index(id)] = kAfterTheRun;
    const std::vector<NodeId> order = graph_.topological_order();
    int step = static_cast<int>(layers_.size());
    for (auto id = order.rbegin(); id != order.rend(); ++id) {
      const Node& node = graph_.node(*id);
      const bool is_layer = step > 0 && layers_[static_cast<size_t>(step - 1)].node == *id;
      if (is_layer) --step;
      for (size_t i = 0; i < node.inputs.size(); ++i) {
        if (node.inputs[i] == kNone) continue;
        int& last = last_read_[index(node.inputs[i])];
        if (is_layer) last = std::max(last, step);
        if (i == aliased_input(step, is_layer)) {
          last = std::max(last, last_read_[index(node.outputs[0])]);
        }
      }
    }
  }

  void find_parts() {
    std::vector<bool> kept;
    for (const int last : last_read_) kept.push_back(last == kAfterTheRun);
    parts_ = tendon::find_parts(graph_, layers_, kept);
  }

  void place_inputs() {
    for (size_t i = 0; i < graph_.inputs().size(); ++i) {
      const ValueId id = graph_.inputs()[i].value;
      storage_of_[index(id)] = add_storage({Place::kInput, i, {}});
      plan_->inputs.push_back(graph_.type(id));
    }
  }

  /// Places a part, or a whole of which a part is placed already. False for other values.
  bool place_part(int step, ValueId id) {
    ValueId whole = id;
    size_t offset = 0;
    for (auto part = parts_.find(id); part != parts_.end(); part = parts_.find(whole)) {
      offset += part->second.offset;
      whole = part->second.whole;
    }
    int& place = storage_of_[index(whole)];
    if (place < 0) {
      if (whole == id) return false;
      place = add_storage({arena_of(step), 0, {bytes_of(whole), step, last_read_[index(whole)]}});
    }
    Lifetime& lifetime = storage_at(place).lifetime;
    lifetime.last = std::max({lifetime.last, step, last_read_[index(id)]});
    storage_of_[index(id)] = place;
    offset_in_storage_[index(id)] = offset;
    return true;
  }

  /// The storage that output 0 of a step takes over, or -1.
  int in_place_storage(int step, const Node& node) {
    const Kernel& kernel = *layers_[static_cast<size_t>(step)].kernel;
    if (kernel.alias_input() >= 0) {
      const ValueId input = node.inputs[static_cast<size_t>(kernel.alias_input())];
      offset_in_storage_[index(node.outputs[0])] = offset_in_storage_[index(input)];
      return storage(input);
    }
    const int input = kernel.in_place_input();
    if (input < 0 || node.outputs[0] == kNone) return -1;
    TENDON_ASSERT(static_cast<size_t>(input) < node.inputs.size());
    const ValueId value = node.inputs[static_cast<size_t>(input)];
    if (value == kNone || bytes_of(value) != bytes_of(node.outputs[0])) return -1;
    const int found = storage(value);
    if (storage_at(found).place != arena_of(step) || storage_at(found).lifetime.last > step ||
        storage_at(found).lifetime.bytes != bytes_of(value)) {
      return -1;
    }
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const bool other = i != static_cast<size_t>(input) && node.inputs[i] != kNone;
      if (other && storage(node.inputs[i]) == found) return -1;
    }
    return found;
  }

  void place_outputs(int step) {
    const Node& node = graph_.node(layers_[static_cast<size_t>(step)].node);
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      const ValueId id = node.outputs[i];
      if (id == kNone || place_part(step, id)) continue;
      const int last = std::max(step, last_read_[index(id)]);
      int place = i == 0 ? in_place_storage(step, node) : -1;
      if (place >= 0) {
        Lifetime& lifetime = storage_at(place).lifetime;
        lifetime.last = std::max(lifetime.last, last);
      } else {
        place = add_storage({output_place(step), 0, {bytes_of(id), step, last}});
      }
      storage_of_[index(id)] = place;
    }
  }

  /// The first output of a storage is written where the caller reads it, others are copied.
  void claim_outputs() {
    for (size_t i = 0; i < graph_.outputs().size(); ++i) {
      const ValueId id = graph_.outputs()[i];
      plan_->outputs.push_back(graph_.type(id));
      Storage& found = storage_at(storage(id));
      if (found.place == Place::kArena) {
        found.place = Place::kOutput;
        found.at = i;
      } else {
        copied_.emplace_back(id, i);
      }
    }
  }

  void assign_offsets() {
    plan_->arena_bytes = assign_offsets(Place::kArena);
    if (plan_->arena_bytes > physical_memory()) {
      fail_input(
          "the activations need {} bytes, this machine has {}; check the shapes of the model",
          plan_->arena_bytes, physical_memory());
    }
    if (plan_->device != nullptr) plan_->device_arena_bytes = assign_offsets(Place::kDeviceArena);
  }

  size_t assign_offsets(Place arena) {
    std::vector<Lifetime> lifetimes;
    std::vector<size_t*> offsets;
    for (Storage& storage : storages_) {
      if (storage.place != arena) continue;
      lifetimes.push_back(storage.lifetime);
      offsets.push_back(&storage.at);
    }
    if (arena == Place::kDeviceArena) plan_->device_lower_bound = memory_lower_bound(lifetimes);
    workspace_offsets_.resize(layers_.size());
    for (size_t i = 0; i < layers_.size(); ++i) {
      const auto step = static_cast<int>(i);
      if (arena_of(step) != arena) continue;
      lifetimes.push_back({layers_[i].kernel->workspace_bytes(), step, step});
      offsets.push_back(&workspace_offsets_[i]);
    }
    const MemoryPlan memory = plan_memory(lifetimes);
    for (size_t i = 0; i < offsets.size(); ++i) *offsets[i] = memory.offsets[i];
    plan_->arena_lower_bound += memory_lower_bound(lifetimes);
    return memory.bytes;
  }

  Operand operand(ValueId id) {
    if (id == kNone) return {};
    const Storage& found = storage_at(storage(id));
    if (found.place != Place::kConstant) {
      return {found.place, found.at + offset_in_storage_[index(id)]};
    }
    const auto [entry, added] = constants_.try_emplace(found.at, plan_->constants.size());
    if (added) plan_->constants.push_back(*graph_.values()[found.at].constant);
    return {Place::kConstant, entry->second};
  }

  void fill_steps() {
    for (size_t i = 0; i < layers_.size(); ++i) {
      const ChosenKernel& layer = layers_[i];
      const Node& node = graph_.node(layer.node);
      Step step{layer.kernel, {}, {}, {}, layer.device != nullptr};
      for (size_t j = 0; j < node.inputs.size(); ++j) {
        const bool unread = graph_.is_constant(node.inputs[j]) && !layer.kernel->reads_constant(j);
        step.inputs.push_back(unread ? Operand{} : operand(node.inputs[j]));
        TENDON_ASSERT(!step.on_device || step.inputs.back().place != Place::kConstant ||
                      layer.copy.has_value());
      }
      for (const ValueId id : node.outputs) step.outputs.push_back(operand(id));
      if (layer.kernel->workspace_bytes() > 0) {
        step.workspace = {arena_of(static_cast<int>(i)), workspace_offsets_[i]};
      }
      plan_->packed_bytes += layer.kernel->packed_bytes();
      plan_->steps.push_back(std::move(step));
      plan_->layers.push_back(layer.record);
    }
    for (const auto& [id, output] : copied_) plan_->copies.push_back({operand(id), output});
  }

  const Graph& graph_;
  std::span<const ChosenKernel> layers_;
  std::shared_ptr<ExecutionPlan> plan_ = std::make_shared<ExecutionPlan>();
  std::vector<Storage> storages_;
  std::vector<int> storage_of_;
  std::vector<size_t> offset_in_storage_;
  std::map<ValueId, PartOf> parts_;
  std::vector<int> last_read_;
  std::vector<size_t> workspace_offsets_;
  std::vector<std::pair<ValueId, size_t>> copied_;
  std::map<size_t, size_t> constants_;
};

}  // namespace

void share_constants(ExecutionPlan& plan, const ExecutionPlan& other) {
  std::multimap<std::string, const Tensor*> known;
  for (const Tensor& tensor : other.constants) known.emplace(to_string(tensor.type()), &tensor);
  for (Tensor& tensor : plan.constants) {
    const auto [begin, end] = known.equal_range(to_string(tensor.type()));
    const auto same = std::find_if(begin, end, [&](const auto& entry) {
      return std::memcmp(entry.second->raw(), tensor.raw(), tensor.byte_size()) == 0;
    });
    if (same != end) tensor = *same->second;
  }
}

std::shared_ptr<ExecutionPlan> make_plan(const Graph& graph, std::span<Backend* const> backends,
                                         const ChooseOptions& options) {
  const auto tally = std::make_shared<MemoryTally>();
  std::vector<ChosenKernel> layers = [&] {
    const MemoryTally::Scope counted(tally);
    return choose_kernels(graph, backends, options);
  }();
  std::vector<KernelName> choice;
  std::vector<std::vector<PackedWeight>> packed;
  for (const ChosenKernel& layer : layers) {
    choice.push_back({layer.record.backend, layer.record.kernel});
    packed.push_back(layer.kernel->packed_weights());
  }
  const bool has_device = std::ranges::any_of(
      layers, [](const ChosenKernel& layer) { return layer.device != nullptr; });
  std::shared_ptr<ExecutionPlan> plan;
  if (has_device) {
    const PlacedLayers placed = place_copies(graph, std::move(layers));
    plan = Layout(placed.graph, placed.layers).make();
  } else {
    plan = Layout(graph, layers).make();
  }
  plan->choice = std::move(choice);
  plan->packed = std::move(packed);
  plan->device_weight_bytes = tally->bytes();
  if (plan->device != nullptr) plan->device_queue_bytes = plan->device->queue_bytes();
  return plan;
}

}  // namespace tendon
