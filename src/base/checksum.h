// CRC-32C against accidents and SHA-256 as an identity.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace tendon {

/// Castagnoli's CRC as in RFC 3720. Continue a checksum by giving the previous one.
uint32_t crc32c(std::span<const std::byte> bytes, uint32_t previous = 0);

/// FIPS 180-4.
class Sha256 {
 public:
  using Digest = std::array<uint8_t, 32>;

  void update(std::span<const std::byte> bytes);
  /// Of everything given; the object is spent afterwards.
  Digest finish();

 private:
  std::array<uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<uint8_t, 64> pending_{};
  size_t pending_size_ = 0;
  uint64_t total_ = 0;
};

/// 64 lower-case hexadecimal digits.
std::string to_hex(const Sha256::Digest& digest);
std::string sha256_hex(std::span<const std::byte> bytes);
/// Read a piece at a time, so that it takes no memory to speak of.
std::string sha256_of_file(const std::string& path);

}  // namespace tendon
