#include "cli/placed_buffers.h"

#include <algorithm>
#include <cstring>

#include "api/engine_impl.h"
#include "base/format.h"
#include "engine/plan.h"

namespace tendon::cli {
namespace {

Buffer placed(Device& device, const Tensor& tensor, Memory memory) {
  const size_t bytes = tensor.byte_size();
  if (memory == Memory::kPinned) {
    const auto copy = device.allocate_host(std::max<size_t>(bytes, 1));
    std::memcpy(copy.get(), tensor.raw(), bytes);
    return Buffer::pinned(tensor.dtype(), tensor.shape(), static_cast<void*>(copy.get()), copy);
  }
  const auto copy = device.allocate(bytes);
  device.write(copy.get(), tensor.raw(), bytes);
  return Buffer::cuda(tensor.dtype(), tensor.shape(), static_cast<void*>(copy.get()),
                      device.number(), copy);
}

}  // namespace

BufferMap placed_buffers(const Engine& engine, const TensorMap& tensors, Memory memory) {
  Device* const device = engine.impl().compiled->plan()->device;
  if (device == nullptr && memory != Memory::kHost) {
    fail(ErrorKind::kUsage,
         "--memory: {} needs an engine that runs on a GPU, this one is for '{}'; build it with "
         "--device cuda, or leave --memory out",
         name_of(memory), engine.device());
  }
  BufferMap buffers;
  for (const auto& [name, tensor] : tensors) {
    if (memory != Memory::kHost) {
      buffers[name] = placed(*device, tensor, memory);
      continue;
    }
    const auto copy = std::make_shared<Tensor>(tensor);
    buffers[name] = Buffer::host(tensor.dtype(), tensor.shape(), copy->mutable_raw(), copy);
  }
  return buffers;
}

}  // namespace tendon::cli
