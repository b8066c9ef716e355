// Kernel and Backend: how a machine offers to run a node.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/device.h"
#include "engine/packed_weights.h"
#include "ir/graph.h"

namespace tendon {

/// Bytes of a dense tensor of the type.
inline size_t byte_size(const TensorType& type) {
  return static_cast<size_t>(type.shape.element_count()) * size_of(type.dtype);
}

/// Addresses for one run. An absent optional input is null. Tensors are dense and row-major (the
/// operator's channels_last attribute says what a row is) and aligned to 64 bytes.
struct KernelArguments {
  std::span<const void* const> inputs;
  std::span<void* const> outputs;
  std::byte* workspace = nullptr;
  /// Where a device's kernel enqueues its work; null for kernels that work in host memory.
  DeviceQueue* queue = nullptr;
  /// Whether what the queue holds already may still be writing the inputs. If not, a device's
  /// kernel may read them at once; it must not write before all of that is done.
  bool inputs_pending = true;
};

/// A node made ready for one machine and one set of shapes. `run` may be called from several
/// threads at once, each with its own arguments; it allocates nothing.
class Kernel {
 public:
  Kernel() = default;
  virtual ~Kernel() = default;
  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;

  virtual void run(const KernelArguments& arguments) const = 0;
  /// Scratch bytes that run() needs besides inputs and outputs.
  virtual size_t workspace_bytes() const { return 0; }
  /// Index of an input whose memory output 0 may take over (when nothing reads it later), else -1.
  virtual int in_place_input() const { return -1; }
  /// Index of an input whose bytes output 0 is, whatever else reads it; run() then touches neither.
  /// Else -1.
  virtual int alias_input() const { return -1; }
  /// Where in output 0 the bytes of an input are copied to, if to one place. The input may lie
  /// there already; run() then leaves it alone.
  virtual std::optional<size_t> place_in_output(size_t input) const {
    (void)input;
    return std::nullopt;
  }
  /// Input constants that run() never reads because the kernel holds its own packed copy; all of
  /// them where the backend has a device.
  virtual bool reads_constant(size_t input) const {
    (void)input;
    return true;
  }
  /// Bytes of packed weights held by the kernel.
  virtual size_t packed_bytes() const { return 0; }
  /// One more fact for --explain and profiles, such as a library's implementation name.
  virtual std::string detail() const { return {}; }

  /// What was packed while it was made.
  const std::vector<PackedWeight>& packed_weights() const { return packed_weights_; }
  void keep(std::vector<PackedWeight> packed) { packed_weights_ = std::move(packed); }

 private:
  std::vector<PackedWeight> packed_weights_;
};

/// One node with what is known of its tensors before running.
struct KernelRequest {
  const Node& node;
  /// As the shape rule sees them: type, elements where constant, presence.
  std::span<const Argument> inputs;
  std::span<const TensorType> outputs;
  int threads = 1;
  /// Whether float32 products may round their factors to TF32.
  bool tf32 = false;
  /// Of the backend that is asked.
  Device* device = nullptr;
  /// Whether convolutions may be computed by Winograd's algorithm, which rounds more.
  bool winograd = true;
  /// What this layer's kernel packed when the engine was built; null: nothing is known.
  const std::vector<PackedWeight>* known = nullptr;
  /// Receives what the row packs; null: nobody keeps it.
  Packing* packing = nullptr;

  /// A constant input in the kernel's own layout: as Packing::get().
  SharedBytes pack(size_t input, std::string layout, size_t bytes,
                   const std::function<void(std::byte* to)>& fill) const {
    if (packing == nullptr) return Packing().get(input, std::move(layout), bytes, fill);
    return packing->get(input, std::move(layout), bytes, fill);
  }

  const Shape& input_shape(size_t i) const { return inputs[i].type.shape; }
  bool has_input(size_t i) const { return i < inputs.size() && inputs[i].present; }
};

/// Why a row does not take a node, such as "needs the last axis, got axis=1".
struct Declined {
  std::string reason;
};
using Offer = std::variant<std::unique_ptr<Kernel>, Declined>;

/// "Can I" and "make it" are one function.
struct KernelRow {
  std::string_view name;
  Offer (*make)(const KernelRequest& request);
};

/// Row function for one operator type: on<Softmax, make_softmax> declines every other operator with
/// an empty reason (which --explain leaves out).
template <class T, Offer (*kMake)(const T&, const KernelRequest&)>
Offer on(const KernelRequest& request) {
  const T* op = std::get_if<T>(&request.node.op);
  if (op == nullptr) return Declined{};
  return kMake(*op, request);
}

/// A machine: an ordered list of kernels, fastest first, and the memory they work on.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string_view name() const = 0;
  /// Nothing when the machine can run this backend, else the reason.
  virtual std::optional<std::string> unavailable() const { return std::nullopt; }
  virtual std::span<const KernelRow> kernels() const = 0;
  /// What the kernel choice depends on, for the engine file: instruction sets, library versions.
  virtual std::string fingerprint() const = 0;
  /// Nothing where products of bfloat16 are faster than those of float32, else the reason.
  virtual std::optional<std::string> without_bfloat16() const {
    return "it has no bfloat16 kernels";
  }
  /// Where its kernels find their tensors; null: in host memory.
  virtual Device* device() { return nullptr; }
  /// Whether its kernels may be timed against others. Those of a backend that does not compete are
  /// taken only where nobody else offers.
  virtual bool competes() const { return true; }
};

}  // namespace tendon
