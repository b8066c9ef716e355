// The part of Binding that runs on buffers of the caller's: where everything is on the device, one
// recording reads and writes them in place and only their addresses change from call to call.
#include <algorithm>
#include <cstring>

#include "engine/binding.h"

namespace tendon {
namespace {

/// Kinds of memory of all ports that one binding keeps recordings for.
constexpr size_t kMaxVariants = 8;

std::vector<std::string> names_of(const BufferMap& buffers) {
  std::vector<std::string> names;
  for (const auto& [name, buffer] : buffers) names.push_back(name);
  return names;
}

}  // namespace

bool Binding::is_direct() const {
  return segments_.size() == 1 && segments_[0].on_device && plan_->copies.empty();
}

void Binding::find_copies() {
  if (!is_direct()) return;
  port_copies_.resize(buffers_.size());
  for (const Slot& slot : input_slots_) {
    const auto next = std::ranges::upper_bound(ranges_, slot.operand, {}, &StepRange::inputs);
    port_copies_[slot.port].push_back(static_cast<size_t>(next - ranges_.begin()) - 1);
  }
  for (const Slot& slot : output_slots_) {
    const auto next = std::ranges::upper_bound(ranges_, slot.operand, {}, &StepRange::inputs);
    port_copies_[plan_->inputs.size() + slot.port].push_back(
        static_cast<size_t>(next - ranges_.begin()) - 1);
  }
  for (const std::vector<size_t>& steps : port_copies_) {
    for (const size_t step : steps) TENDON_ASSERT(plan_->layers[step].type == kCopyLayer);
  }
}

void Binding::check_outputs(const BufferMap& outputs) const {
  for (size_t i = 0; i < output_ports_.size(); ++i) {
    const std::string& name = output_ports_[i].name;
    const auto found = outputs.find(name);
    if (found == outputs.end() || !found->second.defined()) {
      fail(ErrorKind::kUsage, "output '{}' ({}) has no buffer; given are [{}]", name,
           plan_->outputs[i], fmt::join(names_of(outputs), ", "));
    }
    const Buffer& buffer = found->second;
    if (buffer.type() != plan_->outputs[i]) {
      fail(ErrorKind::kUsage, "the buffer for output '{}' is {}, expected {} for these inputs",
           name, buffer.type(), plan_->outputs[i]);
    }
    if (!buffer.writable()) {
      fail(ErrorKind::kUsage,
           "the buffer for output '{}' is read-only: it was made of a const address or of a "
           "read-only tensor; give memory that may be written",
           name);
    }
  }
  if (outputs.size() == output_ports_.size()) return;
  std::vector<std::string> names;
  for (const EnginePort& port : output_ports_) names.push_back(port.name);
  for (const auto& [name, buffer] : outputs) {
    if (std::ranges::count(names, name) > 0) continue;
    fail(ErrorKind::kUsage, "the engine has no output '{}'; its outputs are [{}]", name,
         fmt::join(names, ", "));
  }
}

std::string Binding::place_of_port(size_t port) const {
  const size_t inputs = input_ports_.size();
  return port < inputs ? fmt::format("input '{}'", input_ports_[port].name)
                       : fmt::format("output '{}'", output_ports_[port - inputs].name);
}

void Binding::check_place(size_t port) const {
  const Buffer& given = buffer(port);
  if (plan_->device == nullptr) {
    if (given.memory() != Memory::kCuda) return;
    fail(ErrorKind::kUsage,
         "{} lies on GPU {}, but no layer of this engine runs on one; copy it to the host, or "
         "build the engine with --device cuda:{}",
         place_of_port(port), given.gpu(), given.gpu());
  }
  if (given.memory() == Memory::kCuda && given.gpu() != plan_->device->number()) {
    fail(ErrorKind::kUsage,
         "{} lies on GPU {}, but the engine runs on GPU {}; copy it there, or build the engine "
         "with --device cuda:{}",
         place_of_port(port), given.gpu(), plan_->device->number(), given.gpu());
  }
  if (const auto found = plan_->device->misplaced(given)) {
    fail(ErrorKind::kUsage, "{} is said to lie in {}, but its address {} is in {}",
         place_of_port(port), name_of(given.memory()), given.address(), *found);
  }
}

void Binding::take_buffers(const BufferMap& inputs, const BufferMap& outputs) {
  for (size_t i = 0; i < input_ports_.size(); ++i) {
    buffers_[i] = &inputs.find(input_ports_[i].name)->second;
  }
  for (size_t i = 0; i < output_ports_.size(); ++i) {
    buffers_[input_ports_.size() + i] = &outputs.find(output_ports_[i].name)->second;
  }
}

QueuedCopy Binding::copy_at(size_t port, size_t step) const {
  const Buffer& given = buffer(port);
  const bool staged = given.memory() == Memory::kHost;
  const bool near = given.memory() == Memory::kCuda;
  const StepRange& range = ranges_[step];
  const size_t inputs = input_ports_.size();
  if (port < inputs) {
    return {near ? CopyDirection::kOnDevice : CopyDirection::kToDevice, addresses_[range.outputs],
            staged ? input_addresses_[port] : given.address(), given.byte_size()};
  }
  void* const target = const_cast<void*>(given.address());
  return {near ? CopyDirection::kOnDevice : CopyDirection::kToHost,
          staged ? output_addresses_[port - inputs] : target, addresses_[range.inputs],
          given.byte_size()};
}

Binding::Variant& Binding::variant() {
  const auto fits = [&](const Variant& known) {
    return std::ranges::equal(known.memories, buffers_, {}, {},
                              [](const Buffer* given) { return given->memory(); });
  };
  const auto found = std::ranges::find_if(variants_, fits);
  if (found != variants_.end()) {
    std::rotate(found, found + 1, variants_.end());
    return variants_.back();
  }
  if (variants_.size() == kMaxVariants) variants_.erase(variants_.begin());
  Variant made;
  for (const Buffer* given : buffers_) made.memories.push_back(given->memory());
  made.addresses.assign(buffers_.size(), nullptr);
  variants_.push_back(std::move(made));
  return variants_.back();
}

void Binding::record(Variant& variant) {
  std::vector<size_t> port_of(plan_->steps.size(), buffers_.size());
  for (size_t port = 0; port < port_copies_.size(); ++port) {
    for (const size_t step : port_copies_[port]) port_of[step] = port;
  }
  variant.recording = queue_->record([&] {
    for (size_t step = 0; step < plan_->steps.size(); ++step) {
      if (port_of[step] == buffers_.size()) {
        run_step(step);
      } else {
        queue_->copy(step, copy_at(port_of[step], step));
      }
    }
  });
}

void Binding::start(const BufferMap& inputs, const BufferMap& outputs, std::byte* arena,
                    std::optional<CudaStream> stream) {
  take_buffers(inputs, outputs);
  std::ranges::fill(host_outputs_, nullptr);
  if (queue_ == nullptr || !is_direct()) {
    for (size_t port = 0; port < buffers_.size(); ++port) check_place(port);
    if (queue_ == nullptr) bind_arena(arena);
    run_through_host(stream);
    return;
  }
  Variant& chosen = variant();
  for (size_t port = 0; port < buffers_.size(); ++port) {
    if (buffer(port).address() != chosen.addresses[port]) check_place(port);
  }
  for (size_t i = 0; i < input_ports_.size(); ++i) {
    if (buffer(i).memory() == Memory::kHost) bind_input(i, buffer(i).address());
  }
  if (chosen.recording == nullptr) {
    record(chosen);
  } else {
    for (size_t port = 0; port < buffers_.size(); ++port) {
      const bool staged = buffer(port).memory() == Memory::kHost;
      if (staged || buffer(port).address() == chosen.addresses[port]) continue;
      for (const size_t step : port_copies_[port]) {
        chosen.recording->set_copy(step, copy_at(port, step));
      }
    }
  }
  for (size_t port = 0; port < buffers_.size(); ++port) {
    chosen.addresses[port] = buffer(port).address();
  }
  chosen.recording->replay(stream);
  for (size_t i = 0; i < host_outputs_.size(); ++i) {
    const Buffer& output = buffer(input_ports_.size() + i);
    if (output.memory() == Memory::kHost) host_outputs_[i] = const_cast<void*>(output.address());
  }
}

void Binding::run_through_host(std::optional<CudaStream> stream) {
  if (stream) queue_->wait_for(*stream);
  for (size_t i = 0; i < input_ports_.size(); ++i) {
    if (buffer(i).memory() == Memory::kCuda) {
      plan_->device->read(const_cast<void*>(input_addresses_[i]), buffer(i).address(),
                          buffer(i).byte_size());
    } else {
      bind_input(i, buffer(i).address());
    }
  }
  bind_input_slots();
  bind_outputs();
  if (queue_ != nullptr) {
    run_segments();
  } else {
    for (size_t i = 0; i < plan_->steps.size(); ++i) run_step(i);
  }
  copy_outputs();
  for (size_t i = 0; i < output_tensors_.size(); ++i) {
    const Buffer& output = buffer(input_ports_.size() + i);
    void* const target = const_cast<void*>(output.address());
    if (output.byte_size() == 0) continue;
    if (output.memory() == Memory::kCuda) {
      plan_->device->write(target, output_tensors_[i]->raw(), output.byte_size());
    } else {
      std::memcpy(target, output_tensors_[i]->raw(), output.byte_size());
    }
  }
}

void Binding::finish() {
  if (queue_ == nullptr) return;
  queue_->wait();
  for (size_t i = 0; i < host_outputs_.size(); ++i) {
    if (host_outputs_[i] == nullptr) continue;
    std::memcpy(host_outputs_[i], output_addresses_[i], byte_size(plan_->outputs[i]));
    host_outputs_[i] = nullptr;
  }
}

}  // namespace tendon
