// Kernel choice: for each node the first row of the first backend that offers, or the fastest.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine/timing_cache.h"

namespace tendon {

/// A row by name, such as {"cpu", "onednn:conv"}.
struct KernelName {
  std::string backend;
  std::string kernel;
  bool operator==(const KernelName&) const = default;
};

/// A layer's kernel.
struct Tactic {
  std::string layer;
  KernelName kernel;
};

/// Times to choose by, and what became of them.
struct Timing {
  TimingCache& cache;
  /// Layers whose kernels were timed, and those whose times were known.
  size_t timed = 0, known = 0;
};

struct ChooseOptions {
  int threads = 1;
  /// Rows to ask before all others: one for each node that is not a view, in topological order.
  /// Empty, or of another length: none.
  std::span<const KernelName> hints;
  /// Called after each kernel is made.
  std::function<void()> after_kernel;
  bool tf32 = false;
  bool winograd = true;
  /// Where several rows of backends that compete offer, the fastest is taken: by the times known
  /// here, else they are timed. A later row must be faster than earlier ones by more than
  /// measurements differ. Null: the first row that offers.
  Timing* timing = nullptr;
  /// The kernel of every layer, in topological order; null: chosen here. Error{kUsage} where they
  /// are not this graph's or a kernel declines.
  const std::vector<Tactic>* tactics = nullptr;
  /// What the kernels named in `hints` packed before, in the same order; empty: nothing.
  std::span<const std::vector<PackedWeight>> packed = {};
};

struct ChosenKernel {
  NodeId node = kNone;
  std::shared_ptr<const Kernel> kernel;
  LayerRecord record;
  /// Whose memory the kernel works on; null: the host's.
  Device* device = nullptr;
  /// Set where it only moves a value between the two.
  std::optional<CopyDirection> copy = {};
};

/// Whether the node's output 0 is its input 0 under another shape, so that no kernel is needed.
bool is_view(const Graph& graph, const Node& node);
/// The nodes that are none, in topological order.
std::vector<NodeId> layers_of(const Graph& graph);

/// One entry for each of layers_of(graph). Throws Error{kUnsupported}
/// naming the node and each row's reason when no backend takes it.
std::vector<ChosenKernel> choose_kernels(const Graph& graph, std::span<Backend* const> backends,
                                         const ChooseOptions& options);

}  // namespace tendon
