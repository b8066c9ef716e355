// Superblock, object headers, dataspaces and datatypes.
#include "data/hdf5_format.h"

#include <algorithm>
#include <array>

namespace tendon {
namespace {

constexpr std::string_view kSignature = "\x89HDF\r\n\x1a\n";
constexpr size_t kMaxBlocks = 1024;
constexpr size_t kMaxMessages = 1 << 16;
constexpr uint8_t kShared = 1 << 1;

/// Reads the messages of one object header, block by block.
class HeaderReader {
 public:
  HeaderReader(const Hdf5Image& image, std::string_view place) : image_(image), place_(place) {}

  std::vector<Hdf5Message> read(uint64_t object) {
    ByteReader reader = image_.at(object, place_);
    ByteReader ahead = reader;
    is_new_ = ahead.take_text(4) == "OHDR";
    read_block(is_new_ ? first_block_2(reader) : first_block_1(reader));
    for (size_t next = 0; next < continuations_.size(); ++next) {
      if (next == kMaxBlocks) fail_input("{}: an object header in too many pieces", place_);
      read_block(continuations_[next]);
    }
    return std::move(messages_);
  }

 private:
  std::span<const std::byte> first_block_1(ByteReader& reader) {
    const auto version = reader.read<uint8_t>();
    if (version != 1) fail_input("{}: object header version {}, expected 1 or 2", place_, version);
    reader.take(1 + 2 + 4);
    const auto size = reader.read<uint32_t>();
    reader.take(4);
    return reader.take(size);
  }

  std::span<const std::byte> first_block_2(ByteReader& reader) {
    reader.take(4);
    const auto version = reader.read<uint8_t>();
    if (version != 2) fail_input("{}: object header version {}, expected 1 or 2", place_, version);
    const auto flags = reader.read<uint8_t>();
    has_order_ = (flags & (1 << 2)) != 0;
    if ((flags & (1 << 5)) != 0) reader.take(16);
    if ((flags & (1 << 4)) != 0) reader.take(4);
    uint64_t size = 0;
    const auto width = reader.take(size_t{1} << (flags & 3));
    std::memcpy(&size, width.data(), width.size());
    return reader.take(size);
  }

  void read_block(std::span<const std::byte> block) {
    ByteReader reader(block, place_);
    const size_t prefix = !is_new_ ? 8 : has_order_ ? 6 : 4;
    while (reader.remaining() >= prefix) {
      Hdf5Message message;
      message.type =
          static_cast<Hdf5MessageType>(is_new_ ? reader.read<uint8_t>() : reader.read<uint16_t>());
      const auto size = reader.read<uint16_t>();
      const auto flags = reader.read<uint8_t>();
      reader.take(prefix - (is_new_ ? 4 : 5));
      message.body = reader.take(size);
      if (message.type == Hdf5MessageType::kContinuation) {
        add_continuation(message.body);
      } else if ((flags & kShared) == 0) {
        if (messages_.size() == kMaxMessages) fail_input("{}: too many messages", place_);
        messages_.push_back(message);
      } else if (message.type == Hdf5MessageType::kDatatype) {
        refuse_new_format(place_, "a named datatype");
      }
    }
  }

  void add_continuation(std::span<const std::byte> body) {
    ByteReader reader(body, place_);
    const auto address = reader.read<uint64_t>();
    const auto size = reader.read<uint64_t>();
    auto block = image_.block(address, size, place_);
    if (is_new_) {
      constexpr size_t kSignatureAndChecksum = 4 + 4;
      if (block.size() < kSignatureAndChecksum || text_of(block.first(4)) != "OCHK") {
        fail_input("{}: no header block at offset {}", place_, address);
      }
      block = block.subspan(4, block.size() - kSignatureAndChecksum);
    }
    continuations_.push_back(block);
  }

  const Hdf5Image& image_;
  std::string_view place_;
  bool is_new_ = false;
  bool has_order_ = false;
  std::vector<Hdf5Message> messages_;
  std::vector<std::span<const std::byte>> continuations_;
};

}  // namespace

Hdf5Image::Hdf5Image(std::span<const std::byte> bytes, std::string name,
                     std::shared_ptr<const void> owner)
    : bytes_(bytes), name_(std::move(name)), owner_(std::move(owner)), root_(read_root()) {}

uint64_t Hdf5Image::read_root() const {
  if (bytes_.size() < kSignature.size() || text_of(bytes_.first(kSignature.size())) != kSignature) {
    fail_input("{}: no HDF5 signature at the start; expected an episode as h5py writes it", name_);
  }
  ByteReader reader(bytes_, name_, kSignature.size());
  const auto version = reader.read<uint8_t>();
  if (version > 3) fail_input("{}: HDF5 superblock version {}, expected 0 to 3", name_, version);
  const bool is_old = version < 2;
  if (is_old) reader.take(4);
  const auto offset_size = reader.read<uint8_t>();
  const auto length_size = reader.read<uint8_t>();
  if (offset_size != 8 || length_size != 8) {
    fail_input("{}: HDF5 offsets of {} and lengths of {} bytes, expected 8 and 8", name_,
               offset_size, length_size);
  }
  constexpr size_t kOldFields = 1 + 2 + 2 + 4;
  constexpr size_t kVersion1Fields = 4;
  reader.take(!is_old ? 1 : version == 0 ? kOldFields : kOldFields + kVersion1Fields);
  const auto base = reader.read<uint64_t>();
  reader.read<uint64_t>();
  const auto end = reader.read<uint64_t>();
  if (base != 0) fail_input("{}: HDF5 data from offset {} on, expected 0", name_, base);
  if (end > bytes_.size()) {
    fail_input("{}: truncated: {} bytes, but its header says {}; was the recording cut off?", name_,
               bytes_.size(), end);
  }
  if (is_old) reader.take(8 + 8);
  return reader.read<uint64_t>();
}

ByteReader Hdf5Image::at(uint64_t address, std::string_view place) const {
  return ByteReader(bytes_, place, static_cast<size_t>(address));
}

std::span<const std::byte> Hdf5Image::block(uint64_t address, uint64_t size,
                                            std::string_view place) const {
  return at(address, place).take(size);
}

std::vector<Hdf5Message> Hdf5Image::messages(uint64_t object, std::string_view place) const {
  return HeaderReader(*this, place).read(object);
}

Shape read_hdf5_shape(std::span<const std::byte> dataspace, std::string_view place) {
  ByteReader reader(dataspace, place);
  const auto version = reader.read<uint8_t>();
  const auto rank = reader.read<uint8_t>();
  reader.take(1);
  const auto kind = reader.read<uint8_t>();
  if (version != 1 && version != 2) {
    fail_input("{}: dataspace version {}, expected 1 or 2", place, version);
  }
  constexpr uint8_t kNull = 2;
  if (version == 2 && kind == kNull) fail_input("{}: it holds no array", place);
  if (version == 1) reader.take(4);
  if (rank > Shape::kMaxRank) {
    fail_input("{}: {} dimensions, expected at most {}", place, rank, Shape::kMaxRank);
  }
  Shape shape;
  try {
    for (int axis = 0; axis < rank; ++axis) {
      shape.push_back(static_cast<int64_t>(reader.read<uint64_t>()));
    }
    shape.element_count();
  } catch (const Error& error) {
    throw error.within(place);
  }
  return shape;
}

Hdf5Type read_hdf5_type(std::span<const std::byte> datatype, std::string_view place) {
  constexpr uint8_t kInteger = 0;
  constexpr uint8_t kFloat = 1;
  constexpr uint8_t kText = 3;
  constexpr uint8_t kEnum = 8;
  constexpr uint8_t kVariable = 9;
  // Everything after the first byte of little-endian IEEE numbers and of unsigned bytes.
  constexpr std::string_view kFloat32("\x20\x1f\0\4\0\0\0\0\0\x20\0\x17\x08\0\x17\x7f\0\0\0", 19);
  constexpr std::string_view kFloat64("\x20\x3f\0\x08\0\0\0\0\0\x40\0\x34\x0b\0\x34\xff\3\0\0", 19);
  constexpr uint8_t kSigned = 1 << 3;

  ByteReader reader(datatype, place);
  const auto kind = static_cast<uint8_t>(reader.read<uint8_t>() & 0x0f);
  const std::string_view rest = text_of(datatype.subspan(1));
  const auto flags = reader.read<uint8_t>();
  reader.take(2);
  Hdf5Type type;
  type.size = reader.read<uint32_t>();
  type.is_integer = kind == kInteger || kind == kEnum;
  type.is_fixed_text = kind == kText;
  type.is_variable_text = kind == kVariable && (flags & 0x0f) == 1;
  if (kind == kFloat && rest.starts_with(kFloat32)) type.element = Hdf5Element::kFloat32;
  if (kind == kFloat && rest.starts_with(kFloat64)) type.element = Hdf5Element::kFloat64;
  if (kind == kInteger && type.size == 1 && (flags & kSigned) == 0) {
    type.element = Hdf5Element::kUInt8;
  }
  return type;
}

void refuse_new_format(std::string_view place, std::string_view what) {
  fail_input("{}: {}, which is not read; rewrite the file with: h5repack --low=0 --high=1", place,
             what);
}

}  // namespace tendon
