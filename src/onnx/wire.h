// The protocol-buffers wire format: a bounded reader that copies nothing, and a writer.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/format.h"

namespace tendon {

static_assert(std::endian::native == std::endian::little);

enum class WireType : uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

/// One field of a message. The accessors throw Error{kBadInput} when the field is of another wire
/// type.
struct WireField {
  uint32_t number = 0;
  WireType type = WireType::kVarint;
  /// The integer of kVarint, the bits of kFixed32 and kFixed64.
  uint64_t bits = 0;
  /// The content of kBytes.
  std::span<const std::byte> content;
  /// First byte of the whole file; places in messages are distances from it.
  const std::byte* origin = nullptr;

  std::span<const std::byte> bytes() const {
    expect(WireType::kBytes);
    return content;
  }
  /// Valid UTF-8 of at most limits().max_string_bytes.
  std::string_view text() const;
  /// Any bytes, at most limits().max_string_bytes.
  std::string_view raw_text() const;
  int64_t integer() const {
    expect(WireType::kVarint);
    return static_cast<int64_t>(bits);
  }
  int32_t small_integer() const;
  float real() const {
    expect(WireType::kFixed32);
    return std::bit_cast<float>(static_cast<uint32_t>(bits));
  }
  void expect(WireType wanted) const;
};

/// Reads the fields of one message in file order. Groups, field number 0, lengths beyond the
/// message and varints of more than ten bytes are refused with their place.
class WireReader {
 public:
  explicit WireReader(std::span<const std::byte> message) : WireReader(message, message.data()) {}
  /// The message held by a field.
  explicit WireReader(const WireField& field) : WireReader(field.bytes(), field.origin) {}
  WireReader(std::span<const std::byte> message, const std::byte* origin)
      : cursor_(message.data()), end_(message.data() + message.size()), origin_(origin) {}

  /// False at the end of the message.
  bool next(WireField& field);
  uint64_t read_varint();
  /// A fixed-size little-endian number.
  template <class T>
  T read_fixed() {
    T value;
    std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
    return value;
  }
  bool at_end() const { return cursor_ == end_; }

 private:
  std::span<const std::byte> take(uint64_t size);
  [[noreturn]] void refuse(const std::string& what) const;

  const std::byte* cursor_;
  const std::byte* end_;
  const std::byte* origin_;
};

/// Calls `add(uint64_t)` for each element of a repeated integer field, packed or not.
template <class Add>
void read_varints(const WireField& field, Add&& add) {
  if (field.type == WireType::kVarint) return add(field.bits);
  for (WireReader reader(field); !reader.at_end();) add(reader.read_varint());
}

/// Calls `add(T)` for each element of a repeated float or double field, packed or not.
template <class T, class Add>
void read_reals(const WireField& field, Add&& add) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8);
  if (field.type == WireType::kBytes) {
    for (WireReader reader(field); !reader.at_end();) add(reader.read_fixed<T>());
  } else if constexpr (sizeof(T) == 4) {
    add(field.real());
  } else {
    field.expect(WireType::kFixed64);
    add(std::bit_cast<T>(field.bits));
  }
}

/// Appends fields to a message held in memory.
class WireWriter {
 public:
  void integer(uint32_t number, int64_t value);
  void real(uint32_t number, float value);
  void text(uint32_t number, std::string_view value);
  void message(uint32_t number, const WireWriter& value) { text(number, value.bytes_); }
  void packed_integers(uint32_t number, std::span<const int64_t> values);
  void packed_reals(uint32_t number, std::span<const float> values);
  /// Only the head of a field of bytes: `size` bytes must follow.
  void head(uint32_t number, uint64_t size);

  const std::string& bytes() const { return bytes_; }

 private:
  void varint(uint64_t value);
  void tag(uint32_t number, WireType type);
  std::string bytes_;
};

}  // namespace tendon
