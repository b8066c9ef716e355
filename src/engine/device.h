// Device: memory that the host cannot reach and queues of work on it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace tendon {

class Kernel;

/// Work that a queue keeps, to be started again and again as one. Valid as long as its queue.
class Recording {
 public:
  virtual ~Recording() = default;
  /// Puts the work into the queue.
  virtual void replay() = 0;
};

/// What is enqueued runs in order, behind the caller's back; Kernel::run enqueues on the queue of
/// its arguments. Belongs to one thread at a time. Its functions throw Error{kUnsupported} when the
/// device fails.
class DeviceQueue {
 public:
  virtual ~DeviceQueue() = default;
  /// Returns when everything enqueued is done.
  virtual void wait() = 0;
  /// Keeps what `enqueue` puts into the queue instead of running it.
  virtual std::unique_ptr<Recording> record(const std::function<void()>& enqueue) = 0;
  /// Runs the steps and waits; the device's own time of each in nanoseconds.
  virtual std::vector<int64_t> run_timed(size_t steps,
                                         const std::function<void(size_t step)>& enqueue) = 0;
  /// Replays one after the other and waits; the device's own time of each in nanoseconds.
  virtual std::vector<int64_t> replay_timed(Recording& recording, size_t runs) = 0;
};

enum class CopyDirection : uint8_t { kToDevice, kToHost };

class Device {
 public:
  virtual ~Device() = default;
  /// Memory of the device, aligned to 256 bytes. Throws Error{kUnsupported} with the bytes needed
  /// and free when there is too little.
  virtual std::shared_ptr<std::byte> allocate(size_t bytes) = 0;
  /// Zeroed host memory that the device copies from and to by itself.
  virtual std::shared_ptr<std::byte> allocate_host(size_t bytes) = 0;
  virtual std::unique_ptr<DeviceQueue> make_queue() = 0;
  /// Copies its input to its output, one of which is in host memory from allocate_host.
  virtual std::unique_ptr<Kernel> make_copy(CopyDirection direction, size_t bytes) = 0;
  /// Copies to any host memory, at once.
  virtual void read(void* host, const void* device, size_t bytes) = 0;
};

}  // namespace tendon
