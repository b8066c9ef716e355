// SHA-256 in plain C++, or by instructions where the machine has them.
#include <algorithm>
#include <bit>

#include "base/checksum.h"
#include "base/sha256_blocks.h"

namespace tendon {
namespace {

uint32_t big_endian_word(const uint8_t* bytes) {
  return static_cast<uint32_t>(bytes[0]) << 24 | static_cast<uint32_t>(bytes[1]) << 16 |
         static_cast<uint32_t>(bytes[2]) << 8 | static_cast<uint32_t>(bytes[3]);
}

}  // namespace

void sha256_blocks_plain(Sha256State& state, const uint8_t* data, size_t blocks) {
  for (; blocks > 0; --blocks, data += 64) {
    std::array<uint32_t, 64> w;
    for (size_t i = 0; i < 16; ++i) w[i] = big_endian_word(data + 4 * i);
    for (size_t i = 16; i < 64; ++i) {
      const uint32_t s0 = std::rotr(w[i - 15], 7) ^ std::rotr(w[i - 15], 18) ^ (w[i - 15] >> 3);
      const uint32_t s1 = std::rotr(w[i - 2], 17) ^ std::rotr(w[i - 2], 19) ^ (w[i - 2] >> 10);
      w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    Sha256State s = state;
    // After eight rounds every letter is back in its place, so nothing is moved.
    for (size_t i = 0; i < 64; i += 8) {
#pragma GCC unroll 8
      for (size_t r = 0; r < 8; ++r) {
        const auto at = [&](size_t letter) -> uint32_t& { return s[(letter + 8 - r) % 8]; };
        const uint32_t a = at(0), e = at(4);
        const uint32_t t1 = at(7) + (std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25)) +
                            ((e & at(5)) ^ (~e & at(6))) + kSha256Constants[i + r] + w[i + r];
        const uint32_t t2 = (std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22)) +
                            ((a & at(1)) ^ (a & at(2)) ^ (at(1) & at(2)));
        at(3) += t1;
        at(7) = t1 + t2;
      }
    }
    for (size_t i = 0; i < 8; ++i) state[i] += s[i];
  }
}

void Sha256::add_blocks(const uint8_t* data, size_t blocks) {
  static const Sha256Blocks instruction = sha256_blocks_by_instruction();
  (instruction != nullptr ? instruction : sha256_blocks_plain)(state_, data, blocks);
}

void Sha256::update(std::span<const std::byte> bytes) {
  const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
  size_t size = bytes.size();
  total_ += size;
  if (pending_size_ > 0) {
    const size_t taken = std::min(size, pending_.size() - pending_size_);
    std::copy_n(data, taken, pending_.begin() + static_cast<int64_t>(pending_size_));
    pending_size_ += taken;
    data += taken;
    size -= taken;
    if (pending_size_ < pending_.size()) return;
    add_blocks(pending_.data(), 1);
    pending_size_ = 0;
  }
  add_blocks(data, size / 64);
  pending_size_ = size % 64;
  std::copy_n(data + (size - pending_size_), pending_size_, pending_.begin());
}

Sha256::Digest Sha256::finish() {
  const uint64_t bits = total_ * 8;
  const size_t padding = (pending_size_ < 56 ? 56 : 120) - pending_size_;
  std::array<std::byte, 128> tail{};
  tail[0] = std::byte{0x80};
  for (size_t i = 0; i < 8; ++i) tail[padding + i] = static_cast<std::byte>(bits >> (56 - 8 * i));
  update({tail.data(), padding + 8});
  Digest digest;
  for (size_t i = 0; i < 32; ++i) {
    digest[i] = static_cast<uint8_t>(state_[i / 4] >> (24 - 8 * (i % 4)));
  }
  return digest;
}

std::string to_hex(const Sha256::Digest& digest) {
  std::string text;
  for (const uint8_t byte : digest) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

std::string sha256_hex(std::span<const std::byte> bytes) {
  Sha256 hash;
  hash.update(bytes);
  return to_hex(hash.finish());
}

}  // namespace tendon
