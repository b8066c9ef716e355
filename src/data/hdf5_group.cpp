// Links of a group: the symbol table of old files, the link messages of newer ones.
#include <algorithm>
#include <unordered_set>

#include "data/hdf5_format.h"

namespace tendon {
namespace {

constexpr size_t kMaxLinks = 10'000;
constexpr uint32_t kSoftLinkEntry = 2;

class SymbolTable {
 public:
  SymbolTable(const Hdf5Image& image, std::string_view place) : image_(image), place_(place) {}

  std::vector<Hdf5Link> read(std::span<const std::byte> message) {
    ByteReader reader(message, place_);
    const auto tree = reader.read<uint64_t>();
    read_heap(reader.read<uint64_t>());
    read_node(tree, -1);
    return std::move(links_);
  }

 private:
  void read_heap(uint64_t address) {
    ByteReader reader = image_.at(address, place_);
    if (reader.take_text(4) != "HEAP") fail_input("{}: no name heap at offset {}", place_, address);
    reader.take(4);
    const auto size = reader.read<uint64_t>();
    reader.take(8);
    names_ = text_of(image_.block(reader.read<uint64_t>(), size, place_));
  }

  /// `level` is what the parent expects; the root may have any.
  void read_node(uint64_t address, int level) {
    if (!visited_.insert(address).second) {
      fail_input("{}: the group's tree leads to offset {} twice", place_, address);
    }
    ByteReader reader = image_.at(address, place_);
    if (level != 0 && reader.take_text(4) == "TREE") {
      constexpr uint8_t kGroupTree = 0;
      const auto kind = reader.read<uint8_t>();
      const int found = reader.read<uint8_t>();
      const auto count = reader.read<uint16_t>();
      reader.take(8 + 8);
      if (kind != kGroupTree || (level >= 0 && found + 1 != level)) {
        fail_input("{}: a damaged tree node at offset {}", place_, address);
      }
      for (int i = 0; i < count; ++i) {
        reader.take(8);
        read_node(reader.read<uint64_t>(), found);
      }
      return;
    }
    if (level != 0) fail_input("{}: no tree node at offset {}", place_, address);
    read_symbols(reader);
  }

  void read_symbols(ByteReader& reader) {
    const size_t address = reader.offset();
    if (reader.take_text(4) != "SNOD") {
      fail_input("{}: no symbol node at offset {}", place_, address);
    }
    reader.take(2);
    const auto count = reader.read<uint16_t>();
    for (int i = 0; i < count; ++i) {
      Hdf5Link link;
      link.name = name_at(reader.read<uint64_t>());
      link.address = reader.read<uint64_t>();
      link.is_hard = reader.read<uint32_t>() != kSoftLinkEntry;
      reader.take(4 + 16);
      if (links_.size() == kMaxLinks) fail_input("{}: more than {} members", place_, kMaxLinks);
      links_.push_back(std::move(link));
    }
  }

  std::string name_at(uint64_t offset) const {
    const size_t end = offset < names_.size() ? names_.find('\0', static_cast<size_t>(offset))
                                              : std::string_view::npos;
    if (end == std::string_view::npos) {
      fail_input("{}: a name at offset {} of a heap of {} bytes", place_, offset, names_.size());
    }
    return std::string(names_.substr(static_cast<size_t>(offset), end - offset));
  }

  const Hdf5Image& image_;
  std::string_view place_;
  std::string_view names_;
  std::unordered_set<uint64_t> visited_;
  std::vector<Hdf5Link> links_;
};

Hdf5Link read_link(std::span<const std::byte> message, std::string_view place) {
  ByteReader reader(message, place);
  const auto version = reader.read<uint8_t>();
  const auto flags = reader.read<uint8_t>();
  if (version != 1) fail_input("{}: link version {}, expected 1", place, version);
  const uint8_t kind = (flags & (1 << 3)) != 0 ? reader.read<uint8_t>() : uint8_t{0};
  if ((flags & (1 << 2)) != 0) reader.take(8);
  if ((flags & (1 << 4)) != 0) reader.take(1);
  uint64_t length = 0;
  const auto width = reader.take(size_t{1} << (flags & 3));
  std::memcpy(&length, width.data(), width.size());
  Hdf5Link link;
  link.name = reader.take_text(length);
  link.is_hard = kind == 0;
  if (link.is_hard) link.address = reader.read<uint64_t>();
  return link;
}

void refuse_dense_links(std::span<const std::byte> message, std::string_view place) {
  ByteReader reader(message, place);
  reader.take(1);
  const auto flags = reader.read<uint8_t>();
  if ((flags & 1) != 0) reader.take(8);
  if (reader.read<uint64_t>() != kHdf5Undefined)
    refuse_new_format(place, "a group of many members");
}

}  // namespace

std::optional<std::vector<Hdf5Link>> Hdf5Image::links(uint64_t object,
                                                      std::string_view place) const {
  std::optional<std::vector<Hdf5Link>> links;
  for (const Hdf5Message& message : messages(object, place)) {
    switch (message.type) {
      case Hdf5MessageType::kSymbolTable:
        links = SymbolTable(*this, place).read(message.body);
        break;
      case Hdf5MessageType::kLinkInfo:
        refuse_dense_links(message.body, place);
        if (!links) links.emplace();
        break;
      case Hdf5MessageType::kLink:
        if (!links) links.emplace();
        links->push_back(read_link(message.body, place));
        break;
      default: break;
    }
  }
  if (links) std::ranges::sort(*links, {}, &Hdf5Link::name);
  return links;
}

}  // namespace tendon
