// Bounded little-endian reads from bytes that come from outside.
#pragma once

#include <bit>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

#include "base/format.h"

namespace tendon {

static_assert(std::endian::native == std::endian::little, "file formats are read in place");

/// A cursor over untrusted bytes; every read past the end is Error{kBadInput} naming the file and
/// the offset.
class ByteReader {
 public:
  ByteReader(std::span<const std::byte> bytes, std::string_view name, size_t offset = 0)
      : bytes_(bytes), name_(name), offset_(offset) {
    if (offset > bytes.size()) {
      fail_input("{}: offset {} lies past the end, {} bytes; the file is truncated", name, offset,
                 bytes.size());
    }
  }

  size_t offset() const { return offset_; }
  size_t remaining() const { return bytes_.size() - offset_; }

  template <class T>
  T read() {
    static_assert(std::is_trivially_copyable_v<T>);
    T value;
    std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
    return value;
  }
  std::span<const std::byte> take(uint64_t count) {
    if (count > remaining()) {
      fail_input("{}: ends early: {} bytes wanted at offset {}, {} left; the file is truncated",
                 name_, count, offset_, remaining());
    }
    const auto part = bytes_.subspan(offset_, static_cast<size_t>(count));
    offset_ += static_cast<size_t>(count);
    return part;
  }
  std::string_view take_text(uint64_t count) {
    const auto part = take(count);
    return {reinterpret_cast<const char*>(part.data()), part.size()};
  }

 private:
  std::span<const std::byte> bytes_;
  std::string_view name_;
  size_t offset_;
};

inline std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}
inline std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace tendon
