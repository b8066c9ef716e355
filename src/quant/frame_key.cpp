// Four lanes of multiply-and-fold: as fast as memory, since every frame passes through here.
#include "quant/frame_key.h"

#include <array>
#include <charconv>
#include <cstring>

#include "base/format.h"

namespace tendon {
namespace {

constexpr uint64_t kFirst = 0x9e3779b97f4a7c15;
constexpr uint64_t kSecond = 0xd1b54a32d192ed03;

/// The halves of a 128-bit product, folded.
uint64_t folded_product(uint64_t a, uint64_t b) {
  const auto product = static_cast<unsigned __int128>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

class Hash {
 public:
  void add(const void* data, size_t size) {
    const auto* bytes = static_cast<const std::byte*>(data);
    constexpr size_t kStep = 16 * kLanes;
    size_t at = 0;
    for (; at + kStep <= size; at += kStep) {
      std::array<uint64_t, 2 * kLanes> words;
      std::memcpy(words.data(), bytes + at, kStep);
      for (size_t lane = 0; lane < kLanes; ++lane) {
        lanes_[lane] =
            folded_product(words[2 * lane] ^ lanes_[lane] ^ kFirst, words[2 * lane + 1] ^ kSecond);
      }
    }
    for (; at < size; at += 8) {
      uint64_t word = 0;
      std::memcpy(&word, bytes + at, std::min<size_t>(8, size - at));
      lanes_[0] = mixed(lanes_[0], word);
    }
    lanes_[1] = mixed(lanes_[1], size);
  }

  FrameKey key() const {
    FrameKey key;
    for (const uint64_t lane : lanes_) {
      key.high = mixed(key.high, lane);
      key.low = mixed(lane, key.low);
    }
    return key;
  }

 private:
  static constexpr size_t kLanes = 4;
  std::array<uint64_t, kLanes> lanes_{1, 2, 3, 4};
};

}  // namespace

uint64_t mixed(uint64_t a, uint64_t b) {
  return folded_product(folded_product(a ^ kFirst, b ^ kSecond) ^ kSecond, a ^ kFirst);
}

FrameKey frame_key(const TensorMap& inputs) {
  Hash hash;
  for (const auto& [name, tensor] : inputs) {
    const std::string type = fmt::format("{} {}", name, tensor.type());
    hash.add(type.data(), type.size());
    hash.add(tensor.raw(), tensor.byte_size());
  }
  return hash.key();
}

std::string to_text(const FrameKey& key) {
  return fmt::format("{:016x}{:016x}", key.high, key.low);
}

std::optional<FrameKey> frame_key_from_text(std::string_view text) {
  FrameKey key;
  const auto read = [&](std::string_view part, uint64_t& half) {
    const auto end = part.data() + part.size();
    const auto parsed = std::from_chars(part.data(), end, half, 16);
    return parsed.ec == std::errc() && parsed.ptr == end && !part.starts_with('-');
  };
  if (text.size() != 32 || !read(text.substr(0, 16), key.high) || !read(text.substr(16), key.low)) {
    return std::nullopt;
  }
  return key;
}

}  // namespace tendon
