// CudaDevice: one GPU through the driver: its memory, its kernels and its queues.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "backends/cuda/driver.h"
#include "engine/kernel.h"

namespace tendon::cuda {

/// Machine code of one .cu file for all architectures of the build.
struct Image {
  std::string_view name;
  const void* code;
};
/// Those of this build.
std::span<const Image> built_images();
/// Such as "80;86;90".
std::string_view built_architectures();

struct Dim3 {
  unsigned x = 1, y = 1, z = 1;
};

/// A kernel with its launch shape; `parameters` is the kernel's one argument.
struct Launch {
  CUfunction function = nullptr;
  Dim3 grid;
  unsigned threads = 0;
  unsigned shared_bytes = 0;
  /// Blocks along z and y that form a cluster, which devices from 9.0 on have.
  unsigned cluster = 1;
  unsigned cluster_y = 1;
};

class CudaQueue;

class CudaDevice final : public Device {
 public:
  /// Throws Error{kUsage} when there is no GPU of this number.
  CudaDevice(const Driver& driver, int ordinal, std::span<const Image> images);

  std::shared_ptr<std::byte> allocate(size_t bytes) override;
  std::shared_ptr<std::byte> allocate_host(size_t bytes) override;
  std::unique_ptr<DeviceQueue> make_queue() override;
  size_t queue_bytes() const override;
  std::unique_ptr<Kernel> make_copy(CopyDirection direction, size_t bytes) override;
  void read(void* host, const void* device, size_t bytes) override;
  void write(void* device, const void* host, size_t bytes) override;
  int number() const override { return ordinal_; }
  std::optional<std::string> misplaced(const Buffer& buffer) const override;

  /// Copies to new memory of the device.
  std::shared_ptr<std::byte> upload(const void* host, size_t bytes);
  /// A kernel of an image, able to take as much shared memory as the device has. Throws
  /// Error{kUnsupported} when the image was not built for this GPU.
  CUfunction function(std::string_view image, std::string_view name);
  /// Enqueues; starts while its predecessor ends where the device can do that.
  void launch(const Launch& launch, void* parameters, DeviceQueue& queue);

  const Driver& driver() const { return driver_; }
  CUcontext context() const { return context_; }
  const std::string& name() const { return name_; }
  int multiprocessors() const { return multiprocessors_; }
  /// Clusters of `blocks` blocks of a kernel that run at once where a block takes all of a
  /// multiprocessor's shared memory: how multiprocessors are grouped differs between GPUs of one
  /// name. The same for all kernels of up to so many threads.
  int clusters_at_once(int blocks, CUfunction kernel, unsigned threads);
  /// Most shared memory of one block.
  int shared_bytes() const { return shared_bytes_; }
  /// Such as 90 for compute capability 9.0.
  int architecture() const { return architecture_; }
  int driver_version() const { return driver_version_; }
  size_t total_bytes() const { return total_bytes_; }

  /// Makes the GPU current on this thread for as long as it lives.
  class Scope {
   public:
    explicit Scope(const CudaDevice& device) : driver_(device.driver_) {
      check(driver_, driver_.cuCtxPushCurrent(device.context_), "cannot use the GPU");
    }
    ~Scope() {
      CUcontext popped;
      driver_.cuCtxPopCurrent(&popped);
    }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    const Driver& driver_;
  };

 private:
  int attribute(CUdevice_attribute which) const;
  CUmodule module_of(std::string_view image);

  Driver driver_;
  std::span<const Image> images_;
  int ordinal_ = 0;
  CUdevice device_ = 0;
  CUcontext context_ = nullptr;
  std::string name_;
  int multiprocessors_ = 0;
  int shared_bytes_ = 0;
  int architecture_ = 0;
  int driver_version_ = 0;
  size_t total_bytes_ = 0;
  std::mutex mutex_;
  std::map<int, int> clusters_;
  std::map<std::string, CUmodule, std::less<>> modules_;
  std::map<std::string, CUfunction, std::less<>> functions_;
};

/// A GPU's stream with the counters that its kernels take turns with.
class CudaQueue final : public DeviceQueue {
 public:
  explicit CudaQueue(CudaDevice& device);
  ~CudaQueue() override;

  void wait() override;
  bool done() override;
  void wait_for(CudaStream stream) override;
  void copy(size_t number, const QueuedCopy& copy) override;
  std::unique_ptr<Recording> record(const std::function<void()>& enqueue) override;
  std::vector<int64_t> run_timed(size_t steps,
                                 const std::function<void(size_t step)>& enqueue) override;
  std::vector<int64_t> replay_timed(Recording& recording, size_t runs) override;

  CUstream stream() const { return stream_; }
  /// kCounters zeros, which a kernel leaves as zeros.
  static constexpr int kCounters = 16384;
  int* counters() const { return reinterpret_cast<int*>(counters_.get()); }

  /// Where a recording is to be started for a caller's stream, or none: behind all that was started
  /// elsewhere.
  CUstream enter(std::optional<CudaStream> stream);
  /// Behind what was started there.
  void leave(CUstream stream);

 private:
  CudaDevice& device_;
  CUstream stream_ = nullptr;
  /// Where the last work is, and a mark behind it where that stream is a caller's, who may destroy
  /// it.
  CUstream last_ = nullptr;
  CUevent mark_ = nullptr;
  /// Of copy() while recording.
  std::map<size_t, CUgraphNode> copies_;
  std::shared_ptr<std::byte> counters_;
};

}  // namespace tendon::cuda
