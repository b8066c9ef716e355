// Writing ZIP archives with stored entries and zip64 where a number needs it.
#include <zlib.h>

#include <algorithm>

#include "base/format.h"
#include "base/zip.h"

namespace tendon {
namespace {

constexpr uint16_t kVersion = 45;
constexpr uint16_t kUtf8Names = 1 << 11;
constexpr uint32_t kIn64 = 0xffffffff;
/// 1980-01-01, so that equal content gives equal files.
constexpr uint16_t kDate = 0x21;

class Record {
 public:
  template <class T>
  Record& put(T value) {
    text_.append(reinterpret_cast<const char*>(&value), sizeof(T));
    return *this;
  }
  Record& put(const std::string& text) {
    text_ += text;
    return *this;
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

uint32_t narrow(uint64_t value, bool wide) { return wide ? kIn64 : static_cast<uint32_t>(value); }

}  // namespace

ZipWriter::ZipWriter(std::string path, uint64_t zip64_from)
    : file_(std::move(path)), zip64_from_(zip64_from) {}

void ZipWriter::add(const std::string& name, std::span<const std::span<const std::byte>> parts) {
  ZipEntry entry;
  entry.name = name;
  for (const auto part : parts) {
    entry.crc = static_cast<uint32_t>(
        crc32_z(entry.crc, reinterpret_cast<const Bytef*>(part.data()), part.size()));
    entry.size += part.size();
  }
  entry.compressed_size = entry.size;
  const bool wide = entry.size >= zip64_from_;
  Record extra;
  if (wide) extra.put<uint16_t>(1).put<uint16_t>(16).put(entry.size).put(entry.size);

  header_offsets_.push_back(file_.size());
  Record header;
  header.put<uint32_t>(0x04034b50).put(kVersion).put(kUtf8Names).put<uint16_t>(0);
  header.put<uint16_t>(0).put(kDate).put(entry.crc);
  header.put(narrow(entry.size, wide)).put(narrow(entry.size, wide));
  header.put(static_cast<uint16_t>(name.size()));
  header.put(static_cast<uint16_t>(extra.text().size())).put(name).put(extra.text());
  file_.write(header.text());
  for (const auto part : parts) file_.write(part);
  entries_.push_back(std::move(entry));
}

void ZipWriter::commit() {
  const uint64_t directory = file_.size();
  for (size_t i = 0; i < entries_.size(); ++i) {
    const ZipEntry& entry = entries_[i];
    const bool wide_size = entry.size >= zip64_from_;
    const bool wide_offset = header_offsets_[i] >= zip64_from_;
    Record values;
    if (wide_size) values.put(entry.size).put(entry.size);
    if (wide_offset) values.put(header_offsets_[i]);
    Record extra;
    if (!values.text().empty()) {
      extra.put<uint16_t>(1).put(static_cast<uint16_t>(values.text().size())).put(values.text());
    }
    Record header;
    header.put<uint32_t>(0x02014b50).put(kVersion).put(kVersion).put(kUtf8Names);
    header.put<uint16_t>(0).put<uint16_t>(0).put(kDate).put(entry.crc);
    header.put(narrow(entry.size, wide_size)).put(narrow(entry.size, wide_size));
    header.put(static_cast<uint16_t>(entry.name.size()));
    header.put(static_cast<uint16_t>(extra.text().size()));
    header.put<uint16_t>(0).put<uint16_t>(0).put<uint16_t>(0).put<uint32_t>(0);
    header.put(narrow(header_offsets_[i], wide_offset)).put(entry.name).put(extra.text());
    file_.write(header.text());
  }
  const uint64_t end = file_.size();
  const uint64_t size = end - directory;
  const uint64_t count = entries_.size();
  const bool wide = end >= zip64_from_ || count >= 0xffff;
  Record record;
  if (wide) {
    record.put<uint32_t>(0x06064b50).put<uint64_t>(44).put(kVersion).put(kVersion);
    record.put<uint32_t>(0).put<uint32_t>(0).put(count).put(count).put(size).put(directory);
    record.put<uint32_t>(0x07064b50).put<uint32_t>(0).put(end).put<uint32_t>(1);
  }
  const auto short_count = wide ? uint16_t{0xffff} : static_cast<uint16_t>(count);
  record.put<uint32_t>(0x06054b50).put<uint16_t>(0).put<uint16_t>(0);
  record.put(short_count).put(short_count).put(narrow(size, wide)).put(narrow(directory, wide));
  record.put<uint16_t>(0);
  file_.write(record.text());
  file_.commit();
}

}  // namespace tendon
