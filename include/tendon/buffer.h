// Buffer: memory of the caller's that an inference reads or writes where it lies, on the host or on
// a GPU.
#pragma once

#include <tendon/tensor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace tendon {

/// What kind of memory an address is in.
enum class Memory : uint8_t {
  kHost,    ///< any memory of the host; goes through page-locked memory of the runner
  kPinned,  ///< page-locked memory of the host (cudaMallocHost, cudaHostRegister)
  kCuda,    ///< an NVIDIA GPU's
};
/// "host memory", "pinned host memory", "GPU memory"
std::string_view name_of(Memory memory);

/// An address with type and shape: dense, row-major, of any alignment. A value that owns nothing
/// unless an owner is given; copies share that owner. Made from a `const void*` it can only be an
/// input. Everything that makes one throws Error{kUsage} for a null address of a tensor that has
/// elements.
class Buffer {
 public:
  Buffer() = default;
  static Buffer host(DataType dtype, const Shape& shape, void* address,
                     std::shared_ptr<const void> owner = nullptr) {
    return {dtype, shape, Memory::kHost, 0, address, true, std::move(owner)};
  }
  static Buffer host(DataType dtype, const Shape& shape, const void* address,
                     std::shared_ptr<const void> owner = nullptr) {
    return {dtype, shape, Memory::kHost, 0, address, false, std::move(owner)};
  }
  /// The GPU copies from or to it by itself, while the inference is under way.
  static Buffer pinned(DataType dtype, const Shape& shape, void* address,
                       std::shared_ptr<const void> owner = nullptr) {
    return {dtype, shape, Memory::kPinned, 0, address, true, std::move(owner)};
  }
  static Buffer pinned(DataType dtype, const Shape& shape, const void* address,
                       std::shared_ptr<const void> owner = nullptr) {
    return {dtype, shape, Memory::kPinned, 0, address, false, std::move(owner)};
  }
  /// `gpu` is the number in "cuda:N".
  static Buffer cuda(DataType dtype, const Shape& shape, void* address, int gpu = 0,
                     std::shared_ptr<const void> owner = nullptr) {
    return {dtype, shape, Memory::kCuda, gpu, address, true, std::move(owner)};
  }
  static Buffer cuda(DataType dtype, const Shape& shape, const void* address, int gpu = 0,
                     std::shared_ptr<const void> owner = nullptr) {
    return {dtype, shape, Memory::kCuda, gpu, address, false, std::move(owner)};
  }
  /// An input; shares the tensor's storage.
  static Buffer of(const Tensor& tensor);
  /// An output that is written into the tensor, which must outlive it and not be copied meanwhile.
  static Buffer into(Tensor& tensor);

  bool defined() const { return defined_; }
  const TensorType& type() const { return type_; }
  DataType dtype() const { return type_.dtype; }
  const Shape& shape() const { return type_.shape; }
  size_t byte_size() const {
    return static_cast<size_t>(type_.shape.element_count()) * size_of(type_.dtype);
  }
  Memory memory() const { return memory_; }
  /// Of kCuda; else 0.
  int gpu() const { return gpu_; }
  bool writable() const { return writable_; }
  const void* address() const { return address_; }

 private:
  Buffer(DataType dtype, const Shape& shape, Memory memory, int gpu, const void* address,
         bool writable, std::shared_ptr<const void> owner);

  TensorType type_;
  const void* address_ = nullptr;
  int gpu_ = 0;
  Memory memory_ = Memory::kHost;
  bool writable_ = false;
  bool defined_ = false;
  std::shared_ptr<const void> owner_;
};

/// Buffers by the names of an engine's inputs or outputs.
using BufferMap = std::map<std::string, Buffer, std::less<>>;

/// A stream of CUDA's by its handle, a cudaStream_t or CUstream; null is the default stream.
struct CudaStream {
  void* handle = nullptr;
};

}  // namespace tendon
