// Buffer: addresses of the caller's with their types.
#include <tendon/buffer.h>

#include "base/format.h"

namespace tendon {

std::string_view name_of(Memory memory) {
  switch (memory) {
    case Memory::kHost: return "host memory";
    case Memory::kPinned: return "pinned host memory";
    case Memory::kCuda: return "GPU memory";
  }
  return "";
}

Buffer::Buffer(DataType dtype, const Shape& shape, Memory memory, int gpu, const void* address,
               bool writable, std::shared_ptr<const void> owner)
    : type_{dtype, shape},
      address_(address),
      gpu_(gpu),
      memory_(memory),
      writable_(writable),
      defined_(true),
      owner_(std::move(owner)) {
  if (address == nullptr && shape.element_count() > 0) {
    fail(ErrorKind::kUsage, "Buffer: the address of {} in {} is null; give where it lies", type_,
         name_of(memory));
  }
  if (gpu < 0) {
    fail(ErrorKind::kUsage, "Buffer: GPU {} of {} does not exist; they are counted from 0", gpu,
         type_);
  }
}

Buffer Buffer::of(const Tensor& tensor) {
  if (!tensor.defined()) fail(ErrorKind::kUsage, "Buffer: the tensor is undefined; fill it first");
  const auto kept = std::make_shared<const Tensor>(tensor);
  return host(tensor.dtype(), tensor.shape(), kept->raw(), kept);
}

Buffer Buffer::into(Tensor& tensor) {
  if (!tensor.defined()) {
    fail(ErrorKind::kUsage,
         "Buffer: the tensor is undefined; give it type and shape of the output first");
  }
  return host(tensor.dtype(), tensor.shape(), tensor.mutable_raw());
}

}  // namespace tendon
