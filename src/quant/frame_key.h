// FrameKey: which frame it was, by its content.
#pragma once

#include <tendon/tensor.h>

#include <compare>
#include <optional>
#include <string>
#include <string_view>

namespace tendon {

/// 128 bits against accidents, not against forgery.
struct FrameKey {
  uint64_t high = 0;
  uint64_t low = 0;
  auto operator<=>(const FrameKey&) const = default;
};

/// Of names, types, shapes and elements.
FrameKey frame_key(const TensorMap& inputs);
/// A number that depends on all bits of both and is as good as random.
uint64_t mixed(uint64_t a, uint64_t b);

/// 32 hexadecimal digits.
std::string to_text(const FrameKey& key);
/// Nothing where `text` is not what to_text() writes.
std::optional<FrameKey> frame_key_from_text(std::string_view text);

}  // namespace tendon
