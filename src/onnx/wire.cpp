#include "onnx/wire.h"

#include <limits>

#include "base/limits.h"

namespace tendon {
namespace {

constexpr uint32_t kMaxFieldNumber = (1u << 29) - 1;

std::string_view name_of(WireType type) {
  switch (type) {
    case WireType::kVarint: return "a varint";
    case WireType::kFixed64: return "a 64-bit number";
    case WireType::kBytes: return "bytes";
    case WireType::kFixed32: return "a 32-bit number";
  }
  return "unknown";
}

bool is_continuation(unsigned char byte) { return (byte & 0xC0) == 0x80; }

bool is_utf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const size_t length = lead < 0x80   ? 1
                          : lead < 0xC2 ? 0
                          : lead < 0xE0 ? 2
                          : lead < 0xF0 ? 3
                          : lead < 0xF5 ? 4
                                        : 0;
    if (length == 0 || length > text.size() - i) return false;
    uint32_t code = length == 1 ? lead : lead & (0x7Fu >> length);
    for (size_t k = 1; k < length; ++k) {
      const auto byte = static_cast<unsigned char>(text[i + k]);
      if (!is_continuation(byte)) return false;
      code = code << 6 | (byte & 0x3Fu);
    }
    const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
    const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
    if (overlong || surrogate || code > 0x10FFFF) return false;
    i += length;
  }
  return true;
}

}  // namespace

void WireField::expect(WireType wanted) const {
  if (type == wanted) return;
  if (content.data() != nullptr) {
    fail_input("field {} at byte {} is {}, expected {}", number, content.data() - origin,
               name_of(type), name_of(wanted));
  }
  fail_input("field {} is {}, expected {}", number, name_of(type), name_of(wanted));
}

std::string_view WireField::raw_text() const {
  const std::span<const std::byte> found = bytes();
  if (found.size() > limits().max_string_bytes) {
    fail_input("the string at byte {} has {} bytes, more than the limit of {}",
               found.data() - origin, found.size(), limits().max_string_bytes);
  }
  return {reinterpret_cast<const char*>(found.data()), found.size()};
}

std::string_view WireField::text() const {
  const std::string_view found = raw_text();
  if (!is_utf8(found)) {
    fail_input("the string at byte {} is not valid UTF-8", content.data() - origin);
  }
  return found;
}

int32_t WireField::small_integer() const {
  const int64_t value = integer();
  if (value < std::numeric_limits<int32_t>::min() || value > std::numeric_limits<int32_t>::max()) {
    fail_input("field {} holds {}, which does not fit 32 bits", number, value);
  }
  return static_cast<int32_t>(value);
}

void WireReader::refuse(const std::string& what) const {
  fail_input("damaged at byte {}: {}", cursor_ - origin_, what);
}

std::span<const std::byte> WireReader::take(uint64_t size) {
  const auto left = static_cast<uint64_t>(end_ - cursor_);
  if (size > left) {
    refuse(fmt::format("{} bytes are announced, but the message ends after {}", size, left));
  }
  const std::span<const std::byte> taken(cursor_, static_cast<size_t>(size));
  cursor_ += size;
  return taken;
}

uint64_t WireReader::read_varint() {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (cursor_ == end_) refuse("the message ends inside a number");
    const auto byte = static_cast<uint8_t>(*cursor_++);
    if (shift == 63 && byte > 1) break;
    value |= static_cast<uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) return value;
  }
  refuse("a number has more than 64 bits");
}

bool WireReader::next(WireField& field) {
  if (at_end()) return false;
  const uint64_t tag = read_varint();
  const uint64_t number = tag >> 3;
  if (number == 0 || number > kMaxFieldNumber) {
    refuse(fmt::format("{} is no field number", number));
  }
  field = {static_cast<uint32_t>(number), static_cast<WireType>(tag & 7), 0, {}, origin_};
  switch (field.type) {
    case WireType::kVarint: field.bits = read_varint(); return true;
    case WireType::kFixed64: field.bits = read_fixed<uint64_t>(); return true;
    case WireType::kBytes: field.content = take(read_varint()); return true;
    case WireType::kFixed32: field.bits = read_fixed<uint32_t>(); return true;
  }
  refuse(fmt::format("field {} has wire type {}, which ONNX does not use", number, tag & 7));
}

void WireWriter::varint(uint64_t value) {
  for (; value >= 0x80; value >>= 7) bytes_.push_back(static_cast<char>(value | 0x80));
  bytes_.push_back(static_cast<char>(value));
}

void WireWriter::tag(uint32_t number, WireType type) {
  varint(uint64_t{number} << 3 | static_cast<uint64_t>(type));
}

void WireWriter::integer(uint32_t number, int64_t value) {
  tag(number, WireType::kVarint);
  varint(static_cast<uint64_t>(value));
}

void WireWriter::real(uint32_t number, float value) {
  tag(number, WireType::kFixed32);
  bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void WireWriter::head(uint32_t number, uint64_t size) {
  tag(number, WireType::kBytes);
  varint(size);
}

void WireWriter::text(uint32_t number, std::string_view value) {
  head(number, value.size());
  bytes_ += value;
}

void WireWriter::packed_integers(uint32_t number, std::span<const int64_t> values) {
  WireWriter packed;
  for (const int64_t value : values) packed.varint(static_cast<uint64_t>(value));
  message(number, packed);
}

void WireWriter::packed_reals(uint32_t number, std::span<const float> values) {
  text(number, {reinterpret_cast<const char*>(values.data()), values.size_bytes()});
}

}  // namespace tendon
