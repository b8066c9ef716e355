// Reading ZIP archives: every number of the central directory is checked before it is used.
#include <zlib.h>

#include <algorithm>
#include <optional>

#include "base/byte_reader.h"
#include "base/limits.h"
#include "base/zip.h"

namespace tendon {
namespace {

constexpr uint32_t kLocalHeader = 0x04034b50;
constexpr uint32_t kCentralHeader = 0x02014b50;
constexpr uint32_t kEnd = 0x06054b50;
constexpr uint32_t kEnd64 = 0x06064b50;
constexpr uint32_t kEnd64Locator = 0x07064b50;
constexpr size_t kEndSize = 22;
constexpr size_t kEnd64LocatorSize = 20;
constexpr uint16_t kEncrypted = 1 << 0;
constexpr uint16_t kDataDescriptor = 1 << 3;
constexpr uint16_t kStored = 0;
constexpr uint16_t kDeflated = 8;
constexpr uint16_t kZip64Field = 1;
constexpr uint32_t kIn64 = 0xffffffff;

struct Directory {
  uint64_t entry_count;
  uint64_t offset;
  uint64_t size;
};

struct Header {
  uint16_t flags;
  uint16_t method;
  uint32_t crc;
  uint64_t compressed_size;
  uint64_t size;
  uint64_t local_offset = 0;
  std::string_view name;
};

/// Replaces the 32-bit values that say "see zip64", in the order that the format fixes.
void apply_zip64(std::string_view extra, Header& header, bool with_offset,
                 std::string_view archive) {
  const bool wanted = header.size == kIn64 || header.compressed_size == kIn64 ||
                      (with_offset && header.local_offset == kIn64);
  if (!wanted) return;
  ByteReader fields(bytes_of(extra), archive);
  while (fields.remaining() >= 4) {
    const auto id = fields.read<uint16_t>();
    const auto length = fields.read<uint16_t>();
    const auto body = fields.take(length);
    if (id != kZip64Field) continue;
    ByteReader values(body, archive);
    if (header.size == kIn64) header.size = values.read<uint64_t>();
    if (header.compressed_size == kIn64) header.compressed_size = values.read<uint64_t>();
    if (with_offset && header.local_offset == kIn64) header.local_offset = values.read<uint64_t>();
    return;
  }
  fail_input("{}: entry '{}' refers to a zip64 field that is missing", archive, header.name);
}

/// The end record may be followed by a comment only, and the comment must end the file.
size_t find_end_record(std::span<const std::byte> archive, std::string_view name) {
  if (archive.size() < kEndSize) {
    fail_input("{}: {} bytes cannot hold a ZIP archive", name, archive.size());
  }
  const size_t last = archive.size() - kEndSize;
  const size_t first = last > 0xffff ? last - 0xffff : 0;
  for (size_t at = last + 1; at-- > first;) {
    ByteReader record(archive, name, at);
    if (record.read<uint32_t>() != kEnd) continue;
    record.take(16);
    if (record.read<uint16_t>() == last - at) return at;
  }
  fail_input("{}: no ZIP end record; the file is truncated or is no ZIP archive", name);
}

Directory read_directory(std::span<const std::byte> archive, std::string_view name) {
  const size_t end = find_end_record(archive, name);
  ByteReader record(archive, name, end + 4);
  const auto disk = record.read<uint16_t>();
  const auto first_disk = record.read<uint16_t>();
  const auto entries_here = record.read<uint16_t>();
  const auto entries = record.read<uint16_t>();
  const auto size = record.read<uint32_t>();
  const auto offset = record.read<uint32_t>();
  if (disk != 0 || first_disk != 0 || entries_here != entries) {
    fail_input("{}: archives split over several disks are not read", name);
  }
  Directory directory{entries, offset, size};
  uint64_t directory_end = end;
  if (end >= kEnd64LocatorSize) {
    ByteReader locator(archive, name, end - kEnd64LocatorSize);
    if (locator.read<uint32_t>() == kEnd64Locator) {
      locator.take(4);
      directory_end = locator.read<uint64_t>();
      if (directory_end > end) fail_input("{}: the zip64 locator points past the file", name);
      ByteReader record64(archive, name, static_cast<size_t>(directory_end));
      if (record64.read<uint32_t>() != kEnd64) fail_input("{}: no zip64 end record", name);
      record64.take(8 + 2 + 2 + 4 + 4 + 8);
      directory.entry_count = record64.read<uint64_t>();
      directory.size = record64.read<uint64_t>();
      directory.offset = record64.read<uint64_t>();
      if ((entries != 0xffff && entries != directory.entry_count) ||
          (size != kIn64 && size != directory.size) ||
          (offset != kIn64 && offset != directory.offset)) {
        fail_input("{}: the zip64 end record contradicts the end record", name);
      }
    }
  }
  if (directory.offset > directory_end || directory.size != directory_end - directory.offset) {
    fail_input("{}: the central directory claims {} bytes at offset {}, but it must end at {}",
               name, directory.size, directory.offset, directory_end);
  }
  return directory;
}

void check_name(std::string_view entry, std::string_view archive) {
  const bool hostile =
      entry.empty() || entry.front() == '/' || entry.find('\\') != std::string_view::npos ||
      entry.find('\0') != std::string_view::npos || entry == ".." || entry.starts_with("../") ||
      entry.ends_with("/..") || entry.find("/../") != std::string_view::npos;
  if (hostile) {
    fail_input("{}: entry name '{}' leaves the archive; expected a plain relative name", archive,
               entry);
  }
}

Header read_central_header(ByteReader& reader, std::string_view archive) {
  if (reader.read<uint32_t>() != kCentralHeader) {
    fail_input("{}: no central directory header at offset {}", archive, reader.offset() - 4);
  }
  Header header;
  reader.take(4);
  header.flags = reader.read<uint16_t>();
  header.method = reader.read<uint16_t>();
  reader.take(4);
  header.crc = reader.read<uint32_t>();
  header.compressed_size = reader.read<uint32_t>();
  header.size = reader.read<uint32_t>();
  const auto name_length = reader.read<uint16_t>();
  const auto extra_length = reader.read<uint16_t>();
  const auto comment_length = reader.read<uint16_t>();
  reader.take(8);
  header.local_offset = reader.read<uint32_t>();
  header.name = reader.take_text(name_length);
  const auto extra = reader.take_text(extra_length);
  reader.take(comment_length);
  check_name(header.name, archive);
  apply_zip64(extra, header, true, archive);
  return header;
}

/// Checks the local header against the central one and returns the content's offset.
uint64_t check_local_header(std::span<const std::byte> bytes, const Header& central,
                            std::string_view archive) {
  ByteReader reader(bytes, archive, static_cast<size_t>(central.local_offset));
  const bool found = reader.read<uint32_t>() == kLocalHeader;
  Header local;
  reader.take(2);
  local.flags = reader.read<uint16_t>();
  local.method = reader.read<uint16_t>();
  reader.take(4);
  local.crc = reader.read<uint32_t>();
  local.compressed_size = reader.read<uint32_t>();
  local.size = reader.read<uint32_t>();
  const auto name_length = reader.read<uint16_t>();
  const auto extra_length = reader.read<uint16_t>();
  if (!found) {
    fail_input("{}: entry '{}' has no local header at offset {}", archive, central.name,
               central.local_offset);
  }
  local.name = reader.take_text(name_length);
  apply_zip64(reader.take_text(extra_length), local, false, archive);

  const bool sizes_follow = (central.flags & kDataDescriptor) != 0 && local.crc == 0 &&
                            local.size == 0 && local.compressed_size == 0;
  const bool sizes_agree = local.crc == central.crc && local.size == central.size &&
                           local.compressed_size == central.compressed_size;
  if (local.name != central.name || local.flags != central.flags ||
      local.method != central.method || !(sizes_agree || sizes_follow)) {
    fail_input("{}: the local header of entry '{}' contradicts the central directory", archive,
               central.name);
  }
  return reader.offset();
}

void check_entry(const Header& header, std::string_view archive) {
  if ((header.flags & kEncrypted) != 0) {
    fail_input("{}: entry '{}' is encrypted; expected a plain archive", archive, header.name);
  }
  if (header.method != kStored && header.method != kDeflated) {
    fail_input("{}: entry '{}' uses compression method {}; expected 0 (stored) or 8 (deflate)",
               archive, header.name, header.method);
  }
  if (header.method == kStored && header.size != header.compressed_size) {
    fail_input("{}: stored entry '{}' has two sizes, {} and {}", archive, header.name, header.size,
               header.compressed_size);
  }
  const auto ratio = static_cast<uint64_t>(limits().max_zip_ratio);
  if (header.size / ratio > header.compressed_size) {
    fail_input("{}: entry '{}' claims to inflate from {} to {} bytes, beyond the limit of 1:{}",
               archive, header.name, header.compressed_size, header.size, ratio);
  }
}

OwnedBytes inflate_entry(std::span<const std::byte> content, const ZipEntry& entry,
                         std::string_view archive) {
  std::shared_ptr<std::byte[]> memory;
  try {
    memory = std::make_shared_for_overwrite<std::byte[]>(std::max<uint64_t>(entry.size, 1));
  } catch (const std::bad_alloc&) {
    fail_input("{}: no memory for the {} bytes of entry '{}'", archive, entry.size, entry.name);
  }
  z_stream stream{};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) {
    fail(ErrorKind::kInternal, "zlib cannot start an inflate stream");
  }
  const auto* input = reinterpret_cast<const Bytef*>(content.data());
  auto* output = reinterpret_cast<Bytef*>(memory.get());
  uint64_t input_left = content.size();
  uint64_t output_left = entry.size;
  stream.next_in = const_cast<Bytef*>(input);
  stream.next_out = output;
  int status = Z_OK;
  constexpr uint64_t kStep = uint64_t{1} << 30;
  while (status == Z_OK) {
    const auto input_step = static_cast<uInt>(std::min(input_left, kStep));
    const auto output_step = static_cast<uInt>(std::min(output_left, kStep));
    stream.avail_in = input_step;
    stream.avail_out = output_step;
    status = inflate(&stream, Z_NO_FLUSH);
    input_left -= input_step - stream.avail_in;
    output_left -= output_step - stream.avail_out;
  }
  inflateEnd(&stream);
  if (status != Z_STREAM_END || input_left != 0 || output_left != 0) {
    fail_input("{}: entry '{}' does not inflate to the {} bytes it declares; the file is damaged",
               archive, entry.name, entry.size);
  }
  const std::span<const std::byte> bytes{memory.get(), static_cast<size_t>(entry.size)};
  return {bytes, std::move(memory)};
}

void check_overlaps(std::vector<std::pair<uint64_t, uint64_t>> extents, uint64_t directory_offset,
                    std::string_view archive) {
  std::sort(extents.begin(), extents.end());
  uint64_t free_from = 0;
  for (const auto& [begin, end] : extents) {
    if (begin < free_from) {
      fail_input("{}: entries overlap at offset {}; expected one after the other", archive, begin);
    }
    free_from = end;
  }
  if (free_from > directory_offset) {
    fail_input("{}: an entry runs into the central directory at offset {}", archive,
               directory_offset);
  }
}

}  // namespace

ZipReader ZipReader::open(const std::string& path) {
  auto file = MappedFile::open(path);
  const auto bytes = file->bytes();
  return parse(bytes, path, std::move(file));
}

ZipReader ZipReader::parse(std::span<const std::byte> archive, std::string name,
                           std::shared_ptr<const void> owner) {
  ZipReader zip;
  zip.name_ = std::move(name);
  zip.archive_ = archive;
  zip.owner_ = std::move(owner);
  const Directory directory = read_directory(archive, zip.name_);
  constexpr uint64_t kSmallestHeader = 46;
  const auto most = static_cast<uint64_t>(limits().max_zip_entries);
  if (directory.entry_count > most || directory.entry_count > directory.size / kSmallestHeader) {
    fail_input("{}: {} entries claimed in a directory of {} bytes (limit {} entries)", zip.name_,
               directory.entry_count, directory.size, most);
  }
  ByteReader reader(archive.first(static_cast<size_t>(directory.offset + directory.size)),
                    zip.name_, static_cast<size_t>(directory.offset));
  const auto contents = archive.first(static_cast<size_t>(directory.offset));
  std::vector<std::pair<uint64_t, uint64_t>> extents;
  for (uint64_t i = 0; i < directory.entry_count; ++i) {
    const Header header = read_central_header(reader, zip.name_);
    check_entry(header, zip.name_);
    if (header.local_offset >= contents.size()) {
      fail_input("{}: entry '{}' starts at offset {}, past the contents ({} bytes)", zip.name_,
                 header.name, header.local_offset, contents.size());
    }
    const uint64_t begin = check_local_header(contents, header, zip.name_);
    if (header.compressed_size > contents.size() - begin) {
      fail_input("{}: entry '{}' claims {} bytes at offset {}, {} are left", zip.name_, header.name,
                 header.compressed_size, begin, contents.size() - begin);
    }
    extents.emplace_back(header.local_offset, begin + header.compressed_size);
    zip.entries_.push_back({std::string(header.name), header.size, header.compressed_size,
                            header.crc, header.method == kDeflated, begin});
  }
  if (reader.remaining() != 0) {
    fail_input("{}: {} bytes after the last header of the central directory", zip.name_,
               reader.remaining());
  }
  check_overlaps(std::move(extents), directory.offset, zip.name_);
  for (size_t i = 0; i < zip.entries_.size(); ++i) {
    if (!zip.index_.emplace(zip.entries_[i].name, i).second) {
      fail_input("{}: entry '{}' appears twice", zip.name_, zip.entries_[i].name);
    }
  }
  return zip;
}

const ZipEntry* ZipReader::find(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &entries_[found->second];
}

OwnedBytes ZipReader::read(const ZipEntry& entry) const {
  const auto content = archive_.subspan(static_cast<size_t>(entry.data_offset),
                                        static_cast<size_t>(entry.compressed_size));
  OwnedBytes result =
      entry.deflated ? inflate_entry(content, entry, name_) : OwnedBytes{content, owner_};
  const auto crc =
      crc32_z(0, reinterpret_cast<const Bytef*>(result.bytes.data()), result.bytes.size());
  if (crc != entry.crc) {
    fail_input("{}: entry '{}' has CRC {:08x}, the directory says {:08x}; the file is damaged",
               name_, entry.name, crc, entry.crc);
  }
  return result;
}

}  // namespace tendon
