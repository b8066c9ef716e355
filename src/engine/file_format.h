// The layout of an engine file; docs/engine-file.md is its description.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tendon::engine_file {

inline constexpr std::array<char, 8> kMagic = {'\x89', 'T', 'E', 'N', 'D', 'O', 'N', '\n'};
/// Version 1 stored every constant as its own type; 2 had no packed weights, and one checksum for
/// all weights.
inline constexpr uint32_t kFormatVersion = 3;
/// Reads as another number on a machine of the other byte order.
inline constexpr uint32_t kEndianMark = 0x01020304;
inline constexpr size_t kSectionAlignment = 64;
/// The next multiple of it.
inline constexpr uint64_t aligned(uint64_t size) {
  return (size + kSectionAlignment - 1) / kSectionAlignment * kSectionAlignment;
}

/// In the order in which they stand in the file; a section's number is its index plus one.
enum class Section : uint32_t {
  kManifest = 1,
  kGraph,
  kWeights,
  kScales,
  kPlan,
  kPacked,
  kContents
};
inline constexpr std::array<std::string_view, 7> kSectionNames = {
    "manifest", "graph", "weights", "scales", "plan", "packed", "contents"};
inline constexpr size_t kSectionCount = kSectionNames.size();
/// Of files of a format version.
inline constexpr size_t section_count(uint32_t version) { return version < 3 ? 5 : kSectionCount; }
/// Whether the checksums of a section's bytes stand in the contents section.
inline constexpr bool has_contents(uint32_t version, Section section) {
  return version >= 3 && (section == Section::kWeights || section == Section::kPacked);
}

struct SectionEntry {
  uint32_t id;
  uint32_t crc;  ///< CRC-32C of the section's bytes; 0 where contents have their own
  uint64_t offset;
  uint64_t size;
  uint64_t reserved;  ///< zero
};

struct Header {
  std::array<char, 8> magic;
  uint32_t version;
  uint32_t endian_mark;
  uint64_t file_size;
  uint32_t section_count;
  uint32_t header_crc;                ///< CRC-32C of the header with zero here
  std::array<char, 32> tool_version;  ///< these three are text padded with zeros
  std::array<char, 32> device;
  std::array<char, 256> fingerprint;
  std::array<SectionEntry, kSectionCount> sections;
};
static_assert(sizeof(Header) == 576);
inline constexpr size_t header_size(uint32_t version) {
  return sizeof(Header) - (kSectionCount - section_count(version)) * sizeof(SectionEntry);
}

/// What is known of one part of the weights or packed section. The parts follow each other at
/// multiples of 64.
struct ContentEntry {
  uint64_t size;
  uint32_t crc;       ///< CRC-32C of the bytes and of the zeros up to the next multiple of 64
  uint32_t reserved;  ///< zero
};
static_assert(sizeof(ContentEntry) == 16);

/// Of any version, sections that it lacks being empty; nothing where the file is shorter.
std::optional<Header> header_from(std::span<const std::byte> file);

/// The checksum that belongs into `header.header_crc`.
uint32_t checksum_of(Header header);

/// What the header holds for a fingerprint of any length: itself, or its SHA-256 if it is too long.
std::string fingerprint_field(std::string_view fingerprint);

/// Makes every checksum of an otherwise complete file right again; for tests and fuzzing, which
/// must get past the checksums. Leaves files alone that are too short or whose sections lie
/// outside.
void reseal(std::span<std::byte> file);

}  // namespace tendon::engine_file
