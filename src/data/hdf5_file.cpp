// Paths and attributes.
#include "data/hdf5_file.h"

#include <algorithm>

#include "base/file.h"

namespace tendon {

struct Hdf5File::Attribute {
  Hdf5Type type;
  std::span<const std::byte> value;
};

namespace {

/// Name, datatype, dataspace and value lie one after the other; version 1 pads each to 8 bytes.
struct AttributeParts {
  std::string_view name;
  std::span<const std::byte> type;
  std::span<const std::byte> space;
  std::span<const std::byte> value;
};

AttributeParts split_attribute(std::span<const std::byte> message, std::string_view place) {
  ByteReader reader(message, place);
  const auto version = reader.read<uint8_t>();
  if (version < 1 || version > 3) {
    fail_input("{}: attribute version {}, expected 1 to 3", place, version);
  }
  reader.take(1);
  const auto name_size = reader.read<uint16_t>();
  const auto type_size = reader.read<uint16_t>();
  const auto space_size = reader.read<uint16_t>();
  if (version == 3) reader.take(1);
  const auto next = [&](size_t size) {
    const auto part = reader.take(size);
    if (version == 1) reader.take((8 - size % 8) % 8);
    return part;
  };
  AttributeParts parts;
  parts.name = text_of(next(name_size));
  parts.name = parts.name.substr(0, parts.name.find('\0'));
  parts.type = next(type_size);
  parts.space = next(space_size);
  parts.value = reader.take(reader.remaining());
  return parts;
}

/// Text in the global heap: its length, the heap's address and the number of its object.
std::string read_variable_text(const Hdf5Image& image, std::span<const std::byte> value,
                               std::string_view place) {
  ByteReader reference(value, place);
  const auto length = reference.read<uint32_t>();
  const auto address = reference.read<uint64_t>();
  const auto wanted = reference.read<uint32_t>();
  ByteReader reader = image.at(address, place);
  if (reader.take_text(4) != "GCOL") fail_input("{}: no text heap at offset {}", place, address);
  reader.take(4);
  const auto size = reader.read<uint64_t>();
  ByteReader objects(image.block(address, size, place), place, 16);
  while (objects.remaining() >= 16) {
    const auto index = objects.read<uint16_t>();
    objects.take(6);
    const auto bytes = objects.read<uint64_t>();
    if (index == 0) break;
    const auto content = objects.take(bytes);
    if (index == wanted && length <= content.size()) {
      return std::string(text_of(content.first(length)));
    }
    objects.take(std::min<uint64_t>((8 - bytes % 8) % 8, objects.remaining()));
  }
  fail_input("{}: text {} is missing in the heap at offset {}", place, wanted, address);
}

}  // namespace

Hdf5File Hdf5File::open(const std::string& path) {
  auto file = MappedFile::open(path);
  const auto bytes = file->bytes();
  return parse(bytes, path, std::move(file));
}

Hdf5File Hdf5File::parse(std::span<const std::byte> bytes, const std::string& name,
                         std::shared_ptr<const void> owner) {
  return Hdf5File(std::make_shared<Hdf5Image>(bytes, name, std::move(owner)));
}

std::optional<uint64_t> Hdf5File::find(const std::string& path) const {
  uint64_t object = image_->root();
  for (size_t begin = 0; begin < path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    const std::string place = name() + ": /" + path.substr(0, begin == 0 ? 0 : begin - 1);
    const auto links = image_->links(object, place);
    if (!links) fail_input("{} is no group", place);
    const auto link = std::ranges::find(*links, path.substr(begin, end - begin), &Hdf5Link::name);
    if (link == links->end()) return std::nullopt;
    if (!link->is_hard) {
      fail_input("{}: /{} is a link to another place or file; expected the data itself", name(),
                 path.substr(0, end));
    }
    object = link->address;
    begin = end + 1;
  }
  return object;
}

bool Hdf5File::has(const std::string& path) const { return find(path).has_value(); }

std::vector<std::string> Hdf5File::list(const std::string& group) const {
  const auto object = find(group);
  if (!object) fail_input("{}: no group /{}", name(), group);
  const auto links = image_->links(*object, name() + ": /" + group);
  if (!links) fail_input("{}: /{} is no group", name(), group);
  std::vector<std::string> names;
  for (const Hdf5Link& link : *links) names.push_back(link.name);
  return names;
}

std::optional<Hdf5File::Attribute> Hdf5File::attribute(std::string_view wanted) const {
  const std::string place = fmt::format("{}: attribute '{}'", name(), wanted);
  bool is_dense = false;
  for (const Hdf5Message& message : image_->messages(image_->root(), name())) {
    if (message.type == Hdf5MessageType::kAttributeInfo) {
      ByteReader reader(message.body, place);
      reader.take(1);
      if ((reader.read<uint8_t>() & 1) != 0) reader.take(2);
      is_dense = reader.read<uint64_t>() != kHdf5Undefined;
    }
    if (message.type != Hdf5MessageType::kAttribute) continue;
    const AttributeParts parts = split_attribute(message.body, place);
    if (parts.name != wanted) continue;
    Attribute found{read_hdf5_type(parts.type, place), parts.value};
    if (read_hdf5_shape(parts.space, place).element_count() != 1) {
      fail_input("{} is an array, expected one value", place);
    }
    if (found.type.size > found.value.size()) {
      fail_input("{} has {} bytes, expected {}", place, found.value.size(), found.type.size);
    }
    found.value = found.value.first(found.type.size);
    return found;
  }
  if (is_dense) refuse_new_format(place, "a file of many attributes");
  return std::nullopt;
}

std::optional<bool> Hdf5File::bool_attribute(std::string_view wanted) const {
  const auto found = attribute(wanted);
  if (!found) return std::nullopt;
  if (!found->type.is_integer) {
    fail_input("{}: attribute '{}' is no boolean; expected an enumeration or an integer", name(),
               wanted);
  }
  return std::ranges::any_of(found->value, [](std::byte byte) { return byte != std::byte{0}; });
}

std::optional<std::string> Hdf5File::text_attribute(std::string_view wanted) const {
  const auto found = attribute(wanted);
  if (!found) return std::nullopt;
  if (found->type.is_variable_text) {
    return read_variable_text(*image_, found->value,
                              fmt::format("{}: attribute '{}'", name(), wanted));
  }
  if (!found->type.is_fixed_text) {
    fail_input("{}: attribute '{}' is no text", name(), wanted);
  }
  const std::string_view text = text_of(found->value);
  return std::string(text.substr(0, text.find('\0')));
}

}  // namespace tendon
