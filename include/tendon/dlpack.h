// DLPack: tensors of PyTorch, JAX, CuPy and others, taken over without a copy.
#pragma once

#include <tendon/buffer.h>

#include <cstddef>
#include <cstdint>

namespace tendon {

/// The structures of DLPack 0.8 and 1.x, laid out and spelled as there. Those of <dlpack/dlpack.h>
/// are taken just as well; this header exists so that nobody needs that one.
namespace dlpack {

inline constexpr int32_t kDLCPU = 1;
inline constexpr int32_t kDLCUDA = 2;
inline constexpr int32_t kDLCUDAHost = 3;

inline constexpr uint8_t kDLInt = 0;
inline constexpr uint8_t kDLUInt = 1;
inline constexpr uint8_t kDLFloat = 2;
inline constexpr uint8_t kDLBfloat = 4;
inline constexpr uint8_t kDLBool = 6;

/// A bit of DLManagedTensorVersioned::flags.
inline constexpr uint64_t kReadOnly = 1;

struct DLDevice {
  int32_t device_type;
  int32_t device_id;
};

struct DLDataType {
  uint8_t code;
  uint8_t bits;
  uint16_t lanes;
};

struct DLTensor {
  void* data;
  DLDevice device;
  int32_t ndim;
  DLDataType dtype;
  int64_t* shape;
  int64_t* strides;  ///< in elements; null: dense and row-major
  uint64_t byte_offset;
};

struct DLManagedTensor {
  DLTensor dl_tensor;
  void* manager_ctx;
  void (*deleter)(DLManagedTensor* self);
};

struct DLPackVersion {
  uint32_t major;
  uint32_t minor;
};

struct DLManagedTensorVersioned {
  DLPackVersion version;
  void* manager_ctx;
  void (*deleter)(DLManagedTensorVersioned* self);
  uint64_t flags;
  DLTensor dl_tensor;
};

Buffer buffer_of(const DLTensor& tensor);
Buffer take(DLManagedTensor* managed);
Buffer take(DLManagedTensorVersioned* managed);

}  // namespace dlpack

/// Memory that the caller keeps, described by a DLTensor (DLPack's or the one above).
///
/// Throws Error{kUsage} naming what was found and what is taken: element types that Tendon has, one
/// lane; at most Shape::kMaxRank axes; dense rows in order; kDLCPU, kDLCUDA or kDLCUDAHost.
template <class Described>
Buffer buffer_view_of_dlpack(const Described& tensor) {
  static_assert(sizeof(Described) == sizeof(dlpack::DLTensor) &&
                    offsetof(Described, shape) == offsetof(dlpack::DLTensor, shape) &&
                    offsetof(Described, byte_offset) == offsetof(dlpack::DLTensor, byte_offset),
                "this is no DLTensor of DLPack 0.8 or 1.x");
  return dlpack::buffer_of(reinterpret_cast<const dlpack::DLTensor&>(tensor));
}

/// Takes over a DLManagedTensor or DLManagedTensorVersioned (DLPack's or those above): its deleter
/// is called when the last copy of the buffer dies. Where it throws, as above, the tensor stays the
/// caller's. It waits for nothing: what fills the memory must be done, or come first on the stream
/// that the inference is given.
template <class Managed>
Buffer buffer_from_dlpack(Managed* managed) {
  if constexpr (requires { managed->version; }) {
    using Known = dlpack::DLManagedTensorVersioned;
    static_assert(sizeof(Managed) == sizeof(Known) &&
                      offsetof(Managed, flags) == offsetof(Known, flags) &&
                      offsetof(Managed, dl_tensor) == offsetof(Known, dl_tensor),
                  "this is no DLManagedTensorVersioned of DLPack 1.x");
    return dlpack::take(reinterpret_cast<Known*>(managed));
  } else {
    using Known = dlpack::DLManagedTensor;
    static_assert(sizeof(Managed) == sizeof(Known) &&
                      offsetof(Managed, manager_ctx) == offsetof(Known, manager_ctx) &&
                      offsetof(Managed, deleter) == offsetof(Known, deleter),
                  "this is no DLManagedTensor of DLPack 0.8 or 1.x");
    return dlpack::take(reinterpret_cast<Known*>(managed));
  }
}

}  // namespace tendon
