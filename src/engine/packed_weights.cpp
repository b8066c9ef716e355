#include "engine/packed_weights.h"

#include <cstdlib>

#include "base/format.h"

namespace tendon {
namespace {

constexpr size_t kAlignment = 64;

/// Zeros, so that gaps in a layout are the same in every file. Large blocks come zeroed from the
/// system and cost nothing more.
std::shared_ptr<std::byte> allocate(size_t bytes) {
  void* const memory = std::calloc(bytes + kAlignment, 1);
  if (memory == nullptr) throw std::bad_alloc();
  const std::shared_ptr<void> owner(memory, std::free);
  const auto address = reinterpret_cast<uintptr_t>(memory);
  return {owner, static_cast<std::byte*>(memory) + (kAlignment - address % kAlignment)};
}

}  // namespace

Packing::Packing(const std::vector<PackedWeight>* known, size_t least_kept)
    : known_(known), least_kept_(least_kept) {
  if (known != nullptr) used_.resize(known->size());
}

SharedBytes Packing::get(size_t input, std::string layout, size_t bytes,
                         const std::function<void(std::byte* to)>& fill) {
  for (size_t i = 0; i < used_.size(); ++i) {
    const PackedWeight& known = (*known_)[i];
    if (used_[i] || known.input != input || known.bytes != bytes || known.layout != layout)
      continue;
    used_[i] = true;
    packed_.push_back(known);
    packed_.back().mapped = true;
    return known.data;
  }
  const std::shared_ptr<std::byte> made = allocate(bytes);
  fill(made.get());
  if (bytes >= least_kept_ && !layout.empty()) {
    packed_.push_back({input, std::move(layout), bytes, made, false});
  }
  return made;
}

}  // namespace tendon
