#include "onnx/tensor_reader.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/data_type.h"
#include "onnx/wire.h"
#include "ops/onnx_type.h"

namespace tendon {
namespace {

constexpr uint32_t kFloatData = 4, kInt32Data = 5, kInt64Data = 7, kDoubleData = 10;

uint32_t typed_field_of(DataType type) {
  switch (type) {
    case DataType::kFloat32: return kFloatData;
    case DataType::kFloat64: return kDoubleData;
    case DataType::kInt64: return kInt64Data;
    default: return kInt32Data;
  }
}

/// int32_data holds small integers by value and 16-bit floats by their bits.
template <class T>
T element_from_varint(uint64_t bits) {
  if constexpr (std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16>) {
    if (bits > 0xFFFF) fail_input("element {:#x} has more than 16 bits", bits);
    T element;
    element.bits = static_cast<uint16_t>(bits);
    return element;
  } else {
    const auto value = static_cast<int64_t>(bits);
    if (value < static_cast<int64_t>(std::numeric_limits<T>::min()) ||
        value > static_cast<int64_t>(std::numeric_limits<T>::max())) {
      fail_input("element {} is outside the range of {}", value, kDataTypeOf<T>);
    }
    return static_cast<T>(value);
  }
}

template <class T>
void read_typed_data(const TensorProto& proto, std::span<T> elements) {
  size_t count = 0;
  const auto add = [&](T element) {
    if (count < elements.size()) elements[count] = element;
    ++count;
  };
  WireReader reader(proto.message, proto.origin);
  for (WireField field; reader.next(field);) {
    if (field.number != proto.typed_field) continue;
    if constexpr (std::is_same_v<T, float> || std::is_same_v<T, double>) {
      read_reals<T>(field, add);
    } else {
      read_varints(field, [&](uint64_t bits) { add(element_from_varint<T>(bits)); });
    }
  }
  if (count != elements.size()) {
    fail_input("holds {} elements, but its shape needs {}", count, elements.size());
  }
}

Tensor typed_tensor(const TensorProto& proto, const TensorType& type) {
  const uint32_t expected = typed_field_of(type.dtype);
  if (proto.typed_field != expected) {
    fail_input("of type {} holds its elements in field {}, expected field {}", type.dtype,
               proto.typed_field, expected);
  }
  const int64_t count = type.shape.element_count();
  if (static_cast<uint64_t>(count) > proto.message.size()) {
    fail_input("of shape {} needs {} elements, more than its {} bytes can hold", type.shape, count,
               proto.message.size());
  }
  Tensor tensor(type.dtype, type.shape);
  visit_type(type.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    read_typed_data<T>(proto, tensor.mutable_data<T>());
  });
  return tensor;
}

/// A view where `owned` keeps itself alive and is aligned, else a copy.
Tensor tensor_from_bytes(const OwnedBytes& owned, const TensorType& type) {
  const bool aligned = reinterpret_cast<uintptr_t>(owned.bytes.data()) % size_of(type.dtype) == 0;
  const bool keep = owned.owner && aligned;
  Tensor tensor =
      Tensor::view(type.dtype, type.shape, owned.bytes.data(), keep ? owned.owner : nullptr);
  if (!keep) tensor.mutable_raw();
  if (type.dtype == DataType::kBool) {
    const auto bad =
        std::ranges::find_if(owned.bytes, [](std::byte b) { return b > std::byte{1}; });
    if (bad != owned.bytes.end()) {
      fail_input("element {} of type bool is {}, expected 0 or 1", bad - owned.bytes.begin(),
                 static_cast<int>(*bad));
    }
  }
  return tensor;
}

uint64_t byte_size_of(const TensorType& type) {
  const auto count = static_cast<uint64_t>(type.shape.element_count());
  const size_t size = size_of(type.dtype);
  if (count > std::numeric_limits<int64_t>::max() / size) {
    fail_input("of shape {} is larger than any memory", type.shape);
  }
  return count * size;
}

}  // namespace

Tensor tensor_from_proto(const TensorProto& proto, const TensorSource& source) {
  const TensorType type{data_type_from_onnx(proto.data_type), Shape(proto.dims)};
  const uint64_t size = byte_size_of(type);
  if (proto.external) {
    if (source.external == nullptr) {
      fail_input(
          "keeps its elements in another file, which a model given as bytes cannot reach; "
          "load it by its path");
    }
    return tensor_from_bytes(source.external->read(proto.external_data, size), type);
  }
  if (proto.typed_field != 0) return typed_tensor(proto, type);
  const std::span<const std::byte> raw = proto.raw_data.value_or(std::span<const std::byte>());
  if (raw.size() != size) {
    fail_input("of type {} holds {} bytes, but needs {}", type, raw.size(), size);
  }
  return tensor_from_bytes({raw, source.owner}, type);
}

Tensor tensor_from_proto_bytes(std::span<const std::byte> bytes) {
  const TensorProto proto = read_tensor_proto(bytes);
  try {
    return tensor_from_proto(proto, {});
  } catch (const Error& error) {
    throw error.within(fmt::format("tensor '{}'", proto.name));
  }
}

}  // namespace tendon
