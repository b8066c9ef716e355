// Device: memory that the host cannot reach and queues of work on it.
#pragma once

#include <tendon/buffer.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace tendon {

class Kernel;

enum class CopyDirection : uint8_t { kToDevice, kToHost, kOnDevice };

/// A copy of a queue's. Host memory is the device's own or pinned by the caller.
struct QueuedCopy {
  CopyDirection direction;
  void* to;
  const void* from;
  size_t bytes;
};

/// Work that a queue keeps, to be started again and again as one. Valid as long as its queue.
class Recording {
 public:
  virtual ~Recording() = default;
  /// Puts the work into the queue, or into a stream of the caller's, behind all that was put into
  /// either before.
  virtual void replay(std::optional<CudaStream> stream = {}) = 0;
  /// From the next replay on, what DeviceQueue::copy() was told as `copy.to` and `copy.from` under
  /// this number. The rest of `copy` is as it was.
  virtual void set_copy(size_t number, const QueuedCopy& copy) = 0;
};

/// What is enqueued runs in order, behind the caller's back; Kernel::run enqueues on the queue of
/// its arguments. Belongs to one thread at a time. Its functions throw Error{kUnsupported} when the
/// device fails.
class DeviceQueue {
 public:
  virtual ~DeviceQueue() = default;
  /// Returns when everything enqueued is done, on whatever stream.
  virtual void wait() = 0;
  /// Whether wait() would return at once.
  virtual bool done() = 0;
  /// Returns when everything in a stream of the caller's is done.
  virtual void wait_for(CudaStream stream) = 0;
  /// Enqueues a copy that a recording can be told other addresses for, by a number that is the
  /// caller's and unique in the recording.
  virtual void copy(size_t number, const QueuedCopy& copy) = 0;
  /// Keeps what `enqueue` puts into the queue instead of running it.
  virtual std::unique_ptr<Recording> record(const std::function<void()>& enqueue) = 0;
  /// Runs the steps and waits; the device's own time of each in nanoseconds.
  virtual std::vector<int64_t> run_timed(size_t steps,
                                         const std::function<void(size_t step)>& enqueue) = 0;
  /// Replays one after the other and waits; the device's own time of each in nanoseconds.
  virtual std::vector<int64_t> replay_timed(Recording& recording, size_t runs) = 0;
};

class Device {
 public:
  virtual ~Device() = default;
  /// Memory of the device, aligned to 256 bytes. Throws Error{kUnsupported} with the bytes needed
  /// and free when there is too little.
  virtual std::shared_ptr<std::byte> allocate(size_t bytes) = 0;
  /// Zeroed host memory that the device copies from and to by itself.
  virtual std::shared_ptr<std::byte> allocate_host(size_t bytes) = 0;
  virtual std::unique_ptr<DeviceQueue> make_queue() = 0;
  /// Of its memory that each queue takes.
  virtual size_t queue_bytes() const { return 0; }
  /// Copies its input to its output, one of which is in host memory from allocate_host.
  virtual std::unique_ptr<Kernel> make_copy(CopyDirection direction, size_t bytes) = 0;
  /// Copies to any host memory, at once.
  virtual void read(void* host, const void* device, size_t bytes) = 0;
  /// Copies from any host memory, at once.
  virtual void write(void* device, const void* host, size_t bytes) = 0;
  /// Number among the machine's GPUs.
  virtual int number() const = 0;
  /// Nothing where the buffer's address is in the kind of memory that the buffer says, which this
  /// device reaches; else what the address is in.
  virtual std::optional<std::string> misplaced(const Buffer& buffer) const = 0;
};

}  // namespace tendon
