// Kernel choice: for each node the first row of the first backend that offers.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace tendon {

/// A row by name, such as {"cpu", "onednn:conv"}.
struct KernelName {
  std::string backend;
  std::string kernel;
  bool operator==(const KernelName&) const = default;
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

/// One entry for each node that is not a view, in topological order. Throws Error{kUnsupported}
/// naming the node and each row's reason when no backend takes it.
std::vector<ChosenKernel> choose_kernels(const Graph& graph, std::span<Backend* const> backends,
                                         const ChooseOptions& options);

}  // namespace tendon
