// CRC-32C by the SSE4.2 instruction where the machine has it, else by tables.
#include "base/checksum.h"

#include <cstring>

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

}  // namespace tendon
