// The parts of a large section of an engine file, each under a checksum of its own, so that what
// nobody needs is never read.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/byte_reader.h"
#include "engine/file_format.h"

namespace tendon::engine_file {

class Contents {
 public:
  /// Of a section that was checked as a whole: nothing is left to check.
  Contents() = default;
  /// Reads a list of entries. Throws Error{kBadInput} unless they fill the section, which `place`
  /// names.
  Contents(std::string place, std::span<const std::byte> section, ByteReader& entries);

  size_t count() const { return entries_.size(); }
  std::span<const std::byte> bytes(size_t i) const {
    return section_.subspan(offsets_[i], entries_[i].size);
  }
  /// The part that begins at an address, if one does.
  std::optional<size_t> part_at(const void* address) const;

  /// Throws Error{kBadInput} naming the section, the part and its place if it is damaged.
  void check(size_t i) const;
  /// Several threads share the work.
  void check_all() const;
  /// The same one after the other, calling `release` between them so that they take no memory.
  void check_all(const std::vector<bool>& wanted, const std::function<void()>& release) const;

 private:
  std::span<const std::byte> padded(size_t i) const;
  [[noreturn]] void refuse(size_t i, uint32_t crc) const;

  std::string place_;
  std::span<const std::byte> section_;
  std::vector<ContentEntry> entries_;
  std::vector<uint64_t> offsets_;
  std::map<uint64_t, size_t> part_of_offset_;
};

/// Bytes that are summed before their pages are given back.
inline constexpr size_t kChecksumChunk = size_t{8} << 20;
/// The CRC-32C; `release`, if any, is called after each chunk.
uint32_t checksum(std::span<const std::byte> bytes, const std::function<void()>& release);

}  // namespace tendon::engine_file
