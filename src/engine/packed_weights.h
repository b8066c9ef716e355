// Weights in the layouts of kernels: made once, kept in the engine file, mapped when it is loaded.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tendon {

/// Aligned to 64 bytes.
using SharedBytes = std::shared_ptr<const std::byte>;

/// A constant input of a layer as its kernel holds it.
struct PackedWeight {
  /// Index among the node's inputs.
  size_t input = 0;
  /// Says everything that decides the bytes beside the layer, its constants, its kernel's row, the
  /// backend's fingerprint and the version of Tendon.
  std::string layout;
  size_t bytes = 0;
  SharedBytes data;
  /// Whether the bytes were there already.
  bool mapped = false;
};

/// What one row packs while it makes the kernel of a layer.
class Packing {
 public:
  /// Smaller ones are packed faster than they are found.
  static constexpr size_t kLeastKept = 16 * 1024;

  explicit Packing(const std::vector<PackedWeight>* known = nullptr,
                   size_t least_kept = kLeastKept);

  /// The bytes that are known under this input, layout and size, else those that `fill` writes to
  /// zeros. An empty layout is one that cannot be told; such bytes are never kept.
  SharedBytes get(size_t input, std::string layout, size_t bytes,
                  const std::function<void(std::byte* to)>& fill);
  /// Those that are worth to be kept.
  std::vector<PackedWeight> take() { return std::move(packed_); }

 private:
  const std::vector<PackedWeight>* known_;
  size_t least_kept_;
  /// Bytes of the same key, as an LSTM's two directions have, are taken in their order.
  std::vector<bool> used_;
  std::vector<PackedWeight> packed_;
};

}  // namespace tendon
