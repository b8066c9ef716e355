// Checksums of the header and the file as a whole.
#include "engine/file_format.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "base/byte_reader.h"
#include "base/checksum.h"

namespace tendon::engine_file {

uint32_t checksum_of(Header header) {
  header.header_crc = 0;
  return crc32c(std::as_bytes(std::span(&header, 1)).first(header_size(header.version)));
}

std::string fingerprint_field(std::string_view fingerprint) {
  if (fingerprint.size() < sizeof(Header::fingerprint)) return std::string(fingerprint);
  return "sha256:" + sha256_hex(bytes_of(fingerprint));
}

std::optional<Header> header_from(std::span<const std::byte> file) {
  Header header{};
  constexpr size_t kVersionEnd = offsetof(Header, endian_mark);
  if (file.size() < kVersionEnd) return std::nullopt;
  std::memcpy(&header, file.data(), kVersionEnd);
  const size_t size = header_size(header.version);
  if (file.size() < size) return std::nullopt;
  std::memcpy(&header, file.data(), size);
  return header;
}

namespace {

/// Makes the checksums of one list of the contents section right, as far as it makes sense.
void reseal_contents(std::span<const std::byte> section, std::span<std::byte> entries,
                     size_t& offset) {
  uint64_t count = 0;
  if (entries.size() - offset < sizeof(count)) return;
  std::memcpy(&count, entries.data() + offset, sizeof(count));
  offset += sizeof(count);
  for (; count > 0 && entries.size() - offset >= sizeof(ContentEntry); --count) {
    ContentEntry entry;
    std::memcpy(&entry, entries.data() + offset, sizeof(entry));
    const uint64_t rest = section.size();
    if (entry.size > rest) return;
    const uint64_t padded = std::min(rest, aligned(entry.size));
    entry.crc = crc32c(section.first(padded));
    section = section.subspan(padded);
    std::memcpy(entries.data() + offset, &entry, sizeof(entry));
    offset += sizeof(entry);
  }
}

}  // namespace

void reseal(std::span<std::byte> file) {
  std::optional<Header> header = header_from(file);
  if (!header) return;
  const auto bytes = [&](Section section) {
    const SectionEntry& entry = header->sections[static_cast<size_t>(section) - 1];
    return file.subspan(entry.offset, entry.size);
  };
  for (const SectionEntry& entry : header->sections) {
    if (entry.offset > file.size() || entry.size > file.size() - entry.offset) return;
  }
  if (header->version >= 3) {
    size_t offset = 0;
    for (const Section section : {Section::kWeights, Section::kPacked}) {
      reseal_contents(bytes(section), bytes(Section::kContents), offset);
    }
  }
  for (size_t i = 0; i < section_count(header->version); ++i) {
    const auto id = static_cast<Section>(i + 1);
    header->sections[i].crc = has_contents(header->version, id) ? 0 : crc32c(bytes(id));
  }
  header->header_crc = checksum_of(*header);
  std::memcpy(file.data(), &*header, header_size(header->version));
}

}  // namespace tendon::engine_file
