// CRC-32C by the SSE4.2 instruction where the machine has it, else by tables; SHA-256.
#include "base/checksum.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <vector>

#include "base/format.h"
#include "base/sha256_blocks.h"

namespace tendon {
namespace {

using CrcTables = std::array<std::array<uint32_t, 256>, 8>;

/// Table t advances a byte over t further zero bytes, so that eight bytes take one step.
constexpr CrcTables make_crc_tables() {
  CrcTables tables{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1u) != 0 ? 0x82f63b78u : 0u);
    tables[0][i] = value;
  }
  for (size_t t = 1; t < 8; ++t) {
    for (size_t i = 0; i < 256; ++i) {
      const uint32_t before = tables[t - 1][i];
      tables[t][i] = (before >> 8) ^ tables[0][before & 0xffu];
    }
  }
  return tables;
}
constexpr CrcTables kCrcTables = make_crc_tables();

uint32_t crc_by_table(const uint8_t* data, size_t size, uint32_t crc) {
  for (; size >= 8; size -= 8, data += 8) {
    uint64_t word = 0;
    std::memcpy(&word, data, 8);
    word ^= crc;
    crc = 0;
    for (size_t i = 0; i < 8; ++i) crc ^= kCrcTables[7 - i][(word >> (8 * i)) & 0xffu];
  }
  for (; size > 0; --size, ++data) crc = (crc >> 8) ^ kCrcTables[0][(crc ^ *data) & 0xffu];
  return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) uint32_t crc_by_instruction(const uint8_t* data, size_t size,
                                                              uint32_t crc) {
  uint64_t wide = crc;
  for (; size >= 8; size -= 8, data += 8) {
    uint64_t word = 0;
    std::memcpy(&word, data, 8);
    wide = __builtin_ia32_crc32di(wide, word);
  }
  auto result = static_cast<uint32_t>(wide);
  for (; size > 0; --size, ++data) result = __builtin_ia32_crc32qi(result, *data);
  return result;
}
#endif

}  // namespace

uint32_t crc32c(std::span<const std::byte> bytes, uint32_t previous) {
  const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
#if defined(__x86_64__)
  static const bool has_instruction = __builtin_cpu_supports("sse4.2") != 0;
  if (has_instruction) return ~crc_by_instruction(data, bytes.size(), ~previous);
#endif
  return ~crc_by_table(data, bytes.size(), ~previous);
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
    sha256_blocks(state_, pending_.data(), 1);
    pending_size_ = 0;
  }
  sha256_blocks(state_, data, size / 64);
  data += size / 64 * 64;
  size %= 64;
  std::copy_n(data, size, pending_.begin());
  pending_size_ = size;
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
  return fmt::format("{:02x}", fmt::join(digest, ""));
}

std::string sha256_hex(std::span<const std::byte> bytes) {
  Sha256 hash;
  hash.update(bytes);
  return to_hex(hash.finish());
}

std::string sha256_of_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<std::byte> part(size_t{1} << 20);
  Sha256 hash;
  while (file) {
    file.read(reinterpret_cast<char*>(part.data()), static_cast<std::streamsize>(part.size()));
    hash.update(std::span(part).first(static_cast<size_t>(file.gcount())));
  }
  if (!file.eof()) fail_input("cannot read '{}'", path);
  return to_hex(hash.finish());
}

}  // namespace tendon
