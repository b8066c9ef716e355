// Checksums of the header and the file as a whole.
#include "engine/file_format.h"

#include <cstring>

#include "base/byte_reader.h"
#include "base/checksum.h"

namespace tendon::engine_file {

uint32_t checksum_of(Header header) {
  header.header_crc = 0;
  return crc32c(std::as_bytes(std::span(&header, 1)));
}

std::string fingerprint_field(std::string_view fingerprint) {
  if (fingerprint.size() < sizeof(Header::fingerprint)) return std::string(fingerprint);
  return "sha256:" + sha256_hex(bytes_of(fingerprint));
}

void reseal(std::span<std::byte> file) {
  if (file.size() < sizeof(Header)) return;
  Header header;
  std::memcpy(&header, file.data(), sizeof(Header));
  for (SectionEntry& entry : header.sections) {
    if (entry.offset > file.size() || entry.size > file.size() - entry.offset) return;
    entry.crc = crc32c(file.subspan(entry.offset, entry.size));
  }
  header.header_crc = checksum_of(header);
  std::memcpy(file.data(), &header, sizeof(Header));
}

}  // namespace tendon::engine_file
