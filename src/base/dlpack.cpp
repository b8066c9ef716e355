// DLPack's structures become buffers; nothing in them is believed before it is checked.
#include <tendon/dlpack.h>

#include <array>
#include <optional>

#include "base/format.h"

namespace tendon::dlpack {
namespace {

constexpr uint32_t kKnownMajor = 1;

struct TypeRow {
  uint8_t code, bits;
  DataType dtype;
};
constexpr std::array<TypeRow, 10> kTypes = {{
    {kDLFloat, 32, DataType::kFloat32},
    {kDLFloat, 16, DataType::kFloat16},
    {kDLBfloat, 16, DataType::kBFloat16},
    {kDLFloat, 64, DataType::kFloat64},
    {kDLInt, 8, DataType::kInt8},
    {kDLUInt, 8, DataType::kUInt8},
    {kDLInt, 16, DataType::kInt16},
    {kDLInt, 32, DataType::kInt32},
    {kDLInt, 64, DataType::kInt64},
    {kDLBool, 8, DataType::kBool},
}};
static_assert(kTypes.size() == kDataTypeCount);

DataType dtype_of(const DLDataType& type) {
  for (const TypeRow& row : kTypes) {
    if (row.code == type.code && row.bits == type.bits && type.lanes == 1) return row.dtype;
  }
  fail(ErrorKind::kUsage,
       "DLPack: elements of code {}, {} bits and {} lane(s) are not taken; expected one lane of a "
       "float, bfloat, int, uint8 or bool type; convert the tensor first",
       type.code, type.bits, type.lanes);
}

Shape shape_of(const DLTensor& tensor) {
  if (tensor.ndim < 0 || tensor.ndim > Shape::kMaxRank) {
    fail(ErrorKind::kUsage, "DLPack: the tensor has {} axes, expected 0 to {}", tensor.ndim,
         Shape::kMaxRank);
  }
  if (tensor.ndim > 0 && tensor.shape == nullptr) {
    fail(ErrorKind::kUsage, "DLPack: the tensor has {} axes, but its shape is null", tensor.ndim);
  }
  for (int i = 0; i < tensor.ndim; ++i) {
    if (tensor.shape[i] < 0) {
      fail(ErrorKind::kUsage, "DLPack: axis {} has size {}, expected 0 or more", i,
           tensor.shape[i]);
    }
  }
  Shape shape;
  for (int i = 0; i < tensor.ndim; ++i) shape.push_back(tensor.shape[i]);
  return shape;
}

void check_strides(const DLTensor& tensor, const Shape& shape) {
  if (tensor.strides == nullptr || shape.element_count() == 0) return;
  int64_t expected = 1;
  for (int i = tensor.ndim - 1; i >= 0; --i) {
    if (shape[i] != 1 && tensor.strides[i] != expected) {
      fail(
          ErrorKind::kUsage,
          "DLPack: the tensor of shape {} has stride {} on axis {}, expected {}: its elements must "
          "lie densely, the last axis first; call contiguous() on it",
          shape, tensor.strides[i], i, expected);
    }
    expected *= shape[i];
  }
}

Buffer make(const DLTensor& tensor, bool writable, std::shared_ptr<const void> owner) {
  const DataType dtype = dtype_of(tensor.dtype);
  const Shape shape = shape_of(tensor);
  check_strides(tensor, shape);
  if (tensor.data == nullptr && shape.element_count() > 0) {
    fail(ErrorKind::kUsage, "DLPack: the data of a tensor of shape {} is null", shape);
  }
  // Arithmetic on null is undefined, and an empty tensor's data may be that.
  void* const address =
      tensor.data == nullptr ? nullptr : static_cast<char*>(tensor.data) + tensor.byte_offset;
  const void* const read_only = address;
  switch (tensor.device.device_type) {
    case kDLCPU:
      return writable ? Buffer::host(dtype, shape, address, std::move(owner))
                      : Buffer::host(dtype, shape, read_only, std::move(owner));
    case kDLCUDAHost:
      return writable ? Buffer::pinned(dtype, shape, address, std::move(owner))
                      : Buffer::pinned(dtype, shape, read_only, std::move(owner));
    case kDLCUDA: {
      const int gpu = tensor.device.device_id;
      return writable ? Buffer::cuda(dtype, shape, address, gpu, std::move(owner))
                      : Buffer::cuda(dtype, shape, read_only, gpu, std::move(owner));
    }
    default:
      fail(ErrorKind::kUsage,
           "DLPack: the tensor lies on device type {}, expected kDLCPU ({}), kDLCUDA ({}) or "
           "kDLCUDAHost ({}); copy it there first",
           tensor.device.device_type, kDLCPU, kDLCUDA, kDLCUDAHost);
  }
}

#ifdef __clang__
// Whoever made the structure knows its deleter by a type of its own of the same layout.
#define TENDON_CALLS_FOREIGN __attribute__((no_sanitize("function")))
#else
#define TENDON_CALLS_FOREIGN
#endif

template <class Managed>
TENDON_CALLS_FOREIGN void delete_foreign(Managed* taken) {
  if (taken->deleter != nullptr) taken->deleter(taken);
}

template <class Managed>
std::shared_ptr<const void> owner_of(Managed* managed) {
  return {managed, delete_foreign<Managed>};
}

/// Nothing is taken over where make() throws.
template <class Managed>
Buffer checked_then_taken(Managed* managed, bool writable) {
  make(managed->dl_tensor, writable, nullptr);
  return make(managed->dl_tensor, writable, owner_of(managed));
}

void require(const void* managed) {
  if (managed == nullptr) {
    fail(ErrorKind::kUsage, "DLPack: the managed tensor is null; was its capsule used before?");
  }
}

}  // namespace

Buffer buffer_of(const DLTensor& tensor) { return make(tensor, true, nullptr); }

Buffer take(DLManagedTensor* managed) {
  require(managed);
  return checked_then_taken(managed, true);
}

Buffer take(DLManagedTensorVersioned* managed) {
  require(managed);
  if (managed->version.major != kKnownMajor) {
    fail(ErrorKind::kUsage,
         "DLPack: the tensor has version {}.{}, this build reads {}.x; ask for max_version=({}, 0)",
         managed->version.major, managed->version.minor, kKnownMajor, kKnownMajor);
  }
  return checked_then_taken(managed, (managed->flags & kReadOnly) == 0);
}

}  // namespace tendon::dlpack
