#include "policy/safetensors.h"

#include <algorithm>

#include "base/byte_reader.h"
#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"

namespace tendon {
namespace {

constexpr std::string_view kMetadata = "__metadata__";

struct ElementType {
  std::string_view name;
  DataType dtype;
};
constexpr ElementType kElementTypes[] = {
    {"F32", DataType::kFloat32}, {"F16", DataType::kFloat16}, {"BF16", DataType::kBFloat16},
    {"F64", DataType::kFloat64}, {"I8", DataType::kInt8},     {"U8", DataType::kUInt8},
    {"I16", DataType::kInt16},   {"I32", DataType::kInt32},   {"I64", DataType::kInt64},
    {"BOOL", DataType::kUInt8},
};

/// Where a tensor lies in the bytes after the header.
struct Placed {
  std::string name;
  TensorType type;
  uint64_t begin = 0;
  uint64_t end = 0;
};

DataType element_type(const Json& value, const std::string& place) {
  const std::string name = json_string(value, place);
  const auto* found = std::ranges::find(kElementTypes, name, &ElementType::name);
  if (found == std::end(kElementTypes)) {
    fail(ErrorKind::kUnsupported,
         "{}: elements of type '{}'; Tendon holds F64, F32, F16, BF16, "
         "integers of 8 to 64 bits and BOOL",
         place, name);
  }
  return found->dtype;
}

std::vector<int64_t> integers(const Json& value, const std::string& place) {
  if (!value.is_array()) {
    fail_input("{}: expected an array of integers, found {}", place, value.type_name());
  }
  std::vector<int64_t> numbers;
  for (const Json& item : value) {
    numbers.push_back(json_integer(item, place));
    if (numbers.back() < 0) fail_input("{}: {} is negative", place, numbers.back());
  }
  return numbers;
}

Placed placed_tensor(const std::string& tensor, const Json& entry, uint64_t data_size,
                     const std::string& file) {
  const std::string place = fmt::format("{}: tensor '{}'", file, tensor);
  Placed placed{tensor, {}, 0, 0};
  placed.type.dtype = element_type(json_member(entry, "dtype", place), place);
  const auto dims = integers(json_member(entry, "shape", place), place + ": shape");
  const auto offsets =
      integers(json_member(entry, "data_offsets", place), place + ": data_offsets");
  if (offsets.size() != 2 || offsets[0] > offsets[1] ||
      static_cast<uint64_t>(offsets[1]) > data_size) {
    fail_input("{}: data_offsets {}, expected a range inside the {} bytes after the header", place,
               offsets, data_size);
  }
  placed.begin = static_cast<uint64_t>(offsets[0]);
  placed.end = static_cast<uint64_t>(offsets[1]);
  try {
    placed.type.shape = Shape(std::span<const int64_t>(dims));
    const auto count = static_cast<uint64_t>(placed.type.shape.element_count());
    if (count > data_size || count * size_of(placed.type.dtype) != placed.end - placed.begin) {
      fail_input("{} does not fill the {} bytes that data_offsets give it", placed.type,
                 placed.end - placed.begin);
    }
  } catch (const Error& error) {
    throw error.within(place);
  }
  return placed;
}

/// Throws unless the tensors, sorted by place, follow each other from the first byte to the last.
void require_no_gaps(const std::vector<Placed>& tensors, uint64_t data_size,
                     const std::string& file) {
  uint64_t filled = 0;
  for (const Placed& tensor : tensors) {
    if (tensor.begin != filled) {
      fail_input(
          "{}: tensor '{}' starts at byte {}, but the one before it ends at {}; tensors must "
          "neither overlap nor leave holes",
          file, tensor.name, tensor.begin, filled);
    }
    filled = tensor.end;
  }
  if (filled != data_size) {
    fail_input("{}: {} bytes after the last tensor; the file is damaged", file, data_size - filled);
  }
}

std::string_view header_text(ByteReader& reader, const std::string& file) {
  const auto length = reader.read<uint64_t>();
  if (length > limits().max_json_bytes) {
    fail_input("{}: a header of {} bytes, more than the limit of {}", file, length,
               limits().max_json_bytes);
  }
  const std::string_view text = reader.take_text(length);
  if (!text.starts_with('{')) fail_input("{}: the header is no JSON object", file);
  return text;
}

Tensor view_of(const Placed& placed, std::span<const std::byte> data,
               const std::shared_ptr<const void>& owner) {
  const auto bytes = data.subspan(static_cast<size_t>(placed.begin),
                                  static_cast<size_t>(placed.end - placed.begin));
  const bool aligned = reinterpret_cast<uintptr_t>(bytes.data()) % size_of(placed.type.dtype) == 0;
  if (aligned) return Tensor::view(placed.type.dtype, placed.type.shape, bytes.data(), owner);
  Tensor copy(placed.type.dtype, placed.type.shape);
  std::memcpy(copy.mutable_raw(), bytes.data(), bytes.size());
  return copy;
}

}  // namespace

bool looks_like_safetensors(std::span<const std::byte> bytes) {
  return bytes.size() > sizeof(uint64_t) && bytes[sizeof(uint64_t)] == std::byte{'{'};
}

StateDict load_safetensors(const std::string& path) {
  const auto file = MappedFile::open(path);
  return parse_safetensors(file->bytes(), path, file);
}

StateDict parse_safetensors(std::span<const std::byte> bytes, const std::string& name,
                            std::shared_ptr<const void> owner) {
  refuse_lfs_pointer(bytes, name);
  ByteReader reader(bytes, name);
  const Json header = parse_json(header_text(reader, name), name + ": header");
  const auto data = bytes.subspan(reader.offset());
  if (header.size() > static_cast<size_t>(limits().max_initializers)) {
    fail_input("{}: {} tensors, more than the limit of {}", name, header.size(),
               limits().max_initializers);
  }
  std::vector<Placed> tensors;
  for (const auto& [key, entry] : header.items()) {
    if (key != kMetadata) tensors.push_back(placed_tensor(key, entry, data.size(), name));
  }
  std::ranges::sort(tensors, [](const Placed& a, const Placed& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  require_no_gaps(tensors, data.size(), name);
  StateDict weights(name);
  for (const Placed& placed : tensors) {
    weights.add(placed.name, view_of(placed, data, owner));
  }
  return weights;
}

}  // namespace tendon
