// ZIP archives: a bounded reader that gives stored entries in place, and a writer.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/file.h"

namespace tendon {

struct ZipEntry {
  std::string name;
  uint64_t size = 0;
  uint64_t compressed_size = 0;
  uint32_t crc = 0;
  bool deflated = false;
  /// Of the entry's (compressed) content from the start of the archive.
  uint64_t data_offset = 0;
};

/// Bytes together with what keeps them alive.
struct OwnedBytes {
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> owner;
};

/// Reads archives as numpy and torch write them: stored or deflated, zip64, data descriptors.
/// The central directory and the local headers must agree; overlapping entries, encryption,
/// duplicate or path-like hostile names and anything beyond limits() are Error{kBadInput}.
class ZipReader {
 public:
  static ZipReader open(const std::string& path);
  ZipReader(ZipReader&&) = default;
  ZipReader& operator=(ZipReader&&) = default;
  /// `owner` keeps `archive` alive; `name` stands in messages.
  static ZipReader parse(std::span<const std::byte> archive, std::string name,
                         std::shared_ptr<const void> owner);

  const std::vector<ZipEntry>& entries() const { return entries_; }
  /// Null when there is no such entry.
  const ZipEntry* find(std::string_view name) const;
  /// The entry's content, in place when stored; its CRC is checked on every call.
  OwnedBytes read(const ZipEntry& entry) const;

 private:
  ZipReader() = default;
  std::string name_;
  std::span<const std::byte> archive_;
  std::shared_ptr<const void> owner_;
  std::vector<ZipEntry> entries_;
  std::unordered_map<std::string_view, size_t> index_;
};

/// Writes stored entries one after the other; the file appears on commit().
class ZipWriter {
 public:
  /// Sizes and offsets from `zip64_from` on use zip64 fields.
  explicit ZipWriter(std::string path, uint64_t zip64_from = 0xffffffff);

  /// The content is the concatenation of `parts`.
  void add(const std::string& name, std::span<const std::span<const std::byte>> parts);
  void commit();

 private:
  AtomicFileWriter file_;
  uint64_t zip64_from_;
  std::vector<ZipEntry> entries_;
  std::vector<uint64_t> header_offsets_;
};

}  // namespace tendon
