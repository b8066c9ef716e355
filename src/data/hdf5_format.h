// The on-disk structures of HDF5 that episodes use; every number is checked before it is followed.
#pragma once

#include <tendon/tensor.h>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/byte_reader.h"

namespace tendon {

enum class Hdf5MessageType : uint16_t {
  kDataspace = 0x01,
  kLinkInfo = 0x02,
  kDatatype = 0x03,
  kLink = 0x06,
  kExternalFiles = 0x07,
  kLayout = 0x08,
  kGroupInfo = 0x0a,
  kFilters = 0x0b,
  kAttribute = 0x0c,
  kContinuation = 0x10,
  kSymbolTable = 0x11,
  kAttributeInfo = 0x15,
};

/// One message of an object header.
struct Hdf5Message {
  Hdf5MessageType type{};
  std::span<const std::byte> body;
};

struct Hdf5Link {
  std::string name;
  /// Of the object header; meaningless for soft and external links.
  uint64_t address = 0;
  bool is_hard = false;
};

enum class Hdf5Element { kUInt8, kFloat32, kFloat64, kOther };
inline constexpr uint64_t kHdf5Undefined = ~uint64_t{0};

/// What a datatype message says, as far as episodes need it.
struct Hdf5Type {
  Hdf5Element element = Hdf5Element::kOther;
  /// Integers and enumerations of integers.
  bool is_integer = false;
  bool is_fixed_text = false;
  bool is_variable_text = false;
  size_t size = 0;
};

/// The bytes of a file and the way to its objects. Superblocks 0 to 3, object headers 1 and 2,
/// groups with symbol tables or compact links.
class Hdf5Image {
 public:
  /// Throws Error{kBadInput} for anything but a whole HDF5 file; `owner` keeps `bytes` alive.
  Hdf5Image(std::span<const std::byte> bytes, std::string name, std::shared_ptr<const void> owner);

  const std::string& name() const { return name_; }
  std::span<const std::byte> bytes() const { return bytes_; }
  /// Address of the root group's object header.
  uint64_t root() const { return root_; }
  /// A reader at `address`; `place` stands in its messages.
  ByteReader at(uint64_t address, std::string_view place) const;
  /// `size` bytes at `address`.
  std::span<const std::byte> block(uint64_t address, uint64_t size, std::string_view place) const;

  std::vector<Hdf5Message> messages(uint64_t object, std::string_view place) const;
  /// Links of a group sorted by name; absent when the object is no group.
  std::optional<std::vector<Hdf5Link>> links(uint64_t object, std::string_view place) const;

 private:
  uint64_t read_root() const;
  std::span<const std::byte> bytes_;
  std::string name_;
  std::shared_ptr<const void> owner_;
  uint64_t root_;
};

Shape read_hdf5_shape(std::span<const std::byte> dataspace, std::string_view place);
Hdf5Type read_hdf5_type(std::span<const std::byte> datatype, std::string_view place);

/// For files that only newer, rarer features of the format can express.
[[noreturn]] void refuse_new_format(std::string_view place, std::string_view what);

}  // namespace tendon
