// Mutates a protobuf message as a tree of fields, so that what comes out is still a message: whole
// fields are dropped, doubled, swapped and moved between messages, and lengths stay right.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "odd_numbers.h"

namespace tendon::fuzzing {

struct WireNode {
  /// Field number and wire type, as the file has them together.
  uint64_t tag = 0;
  /// Of wire type 0.
  uint64_t number = 0;
  /// Of the fixed types, and of wire type 2 where it is no message.
  std::string bytes;
  /// Of wire type 2 where the bytes read as a message.
  std::vector<WireNode> fields;
  bool is_message = false;
};

inline constexpr int kDeepestMessage = 12;

inline bool take_varint(std::string_view& rest, uint64_t& value) {
  value = 0;
  for (int shift = 0; shift < 64 && !rest.empty(); shift += 7) {
    const auto byte = static_cast<uint8_t>(rest.front());
    rest.remove_prefix(1);
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

/// Nothing where the bytes are no message.
inline std::optional<std::vector<WireNode>> parse_wire(std::string_view rest, int depth = 0) {
  std::vector<WireNode> fields;
  while (!rest.empty()) {
    WireNode node;
    if (!take_varint(rest, node.tag) || node.tag >> 3 == 0 || node.tag >> 3 > 1000) return {};
    size_t size = 0;
    switch (node.tag & 7) {
      case 0:
        if (!take_varint(rest, node.number)) return {};
        break;
      case 1: size = 8; break;
      case 2: {
        uint64_t length = 0;
        if (!take_varint(rest, length) || length > rest.size()) return {};
        size = static_cast<size_t>(length);
        break;
      }
      case 5: size = 4; break;
      default: return {};
    }
    if (size > rest.size()) return {};
    const std::string_view content = rest.substr(0, size);
    rest.remove_prefix(size);
    if ((node.tag & 7) == 2 && size > 1 && depth < kDeepestMessage) {
      if (auto inner = parse_wire(content, depth + 1)) {
        node.fields = std::move(*inner);
        node.is_message = true;
      }
    }
    if (!node.is_message) node.bytes = content;
    fields.push_back(std::move(node));
  }
  return fields;
}

inline void put_varint(std::string& text, uint64_t value) {
  for (; value >= 0x80; value >>= 7) text += static_cast<char>(value | 0x80);
  text += static_cast<char>(value);
}

inline std::string wire_text(const std::vector<WireNode>& fields) {
  std::string text;
  for (const WireNode& node : fields) {
    put_varint(text, node.tag);
    if ((node.tag & 7) == 0) {
      put_varint(text, node.number);
      continue;
    }
    const std::string content = node.is_message ? wire_text(node.fields) : node.bytes;
    if ((node.tag & 7) == 2) put_varint(text, content.size());
    text += content;
  }
  return text;
}

class WireMutator {
 public:
  explicit WireMutator(uint64_t seed) : random_(seed) {}

  /// One to three changes. Nothing where the bytes are no message or would exceed `limit`.
  std::optional<std::string> mutate(std::string_view message, size_t limit) {
    auto fields = parse_wire(message);
    if (!fields || fields->empty()) return {};
    for (size_t i = below(3) + 1; i > 0; --i) change(*fields);
    std::string text = wire_text(*fields);
    if (text.size() > limit) return {};
    return text;
  }

 private:
  size_t below(size_t count) { return count == 0 ? 0 : random_() % count; }

  static void collect(std::vector<WireNode>& fields, std::vector<std::vector<WireNode>*>& lists) {
    if (!fields.empty()) lists.push_back(&fields);
    for (WireNode& node : fields) collect(node.fields, lists);
  }

  void change(std::vector<WireNode>& root) {
    std::vector<std::vector<WireNode>*> lists;
    collect(root, lists);
    if (lists.empty()) return;
    std::vector<WireNode>& list = *lists[below(lists.size())];
    const std::vector<WireNode>& other = *lists[below(lists.size())];
    const auto at = static_cast<ptrdiff_t>(below(list.size()));
    WireNode& node = list[static_cast<size_t>(at)];
    switch (below(8)) {
      case 0: list.erase(list.begin() + at); break;
      case 1: list.insert(list.begin() + at, WireNode(node)); break;
      case 2: std::swap(node, list[below(list.size())]); break;
      case 3: {
        WireNode moved = other[below(other.size())];
        list.insert(list.begin() + at, std::move(moved));
        break;
      }
      case 4: {
        // The same field with another's content: names that other nodes use, dims of other tensors.
        const WireNode from = other[below(other.size())];
        if ((from.tag & 7) == (node.tag & 7)) {
          const uint64_t tag = node.tag;
          node = from;
          node.tag = tag;
        }
        break;
      }
      case 5: node.tag = (below(20) + 1) << 3 | (node.tag & 7); break;
      default: change_value(node); break;
    }
  }

  void change_value(WireNode& node) {
    if ((node.tag & 7) == 0) {
      node.number =
          below(2) == 0 ? kOddNumbers[below(std::size(kOddNumbers))] : node.number + below(5) - 2;
    } else if (!node.bytes.empty()) {
      if (below(4) == 0) node.bytes.resize(below(2 * node.bytes.size()));
      if (!node.bytes.empty()) node.bytes[below(node.bytes.size())] = static_cast<char>(random_());
      if ((node.tag & 7) == 1) node.bytes.resize(8);
      if ((node.tag & 7) == 5) node.bytes.resize(4);
    }
  }

  std::mt19937_64 random_;
};

}  // namespace tendon::fuzzing
