#include "support/toy_device.h"

#include <cstring>
#include <map>

#include "support/toy_backend.h"

namespace tendon::testing {
namespace {

using Work = std::vector<std::function<void()>>;

class ToyRecording : public Recording {
 public:
  ToyRecording(ToyDeviceLog& log, Work& queue, Work work)
      : log_(log), queue_(queue), work_(std::move(work)) {}
  void replay(std::optional<CudaStream>) override {
    ++log_.replays;
    queue_.insert(queue_.end(), work_.begin(), work_.end());
  }
  void set_copy(size_t number, const QueuedCopy& copy) override {
    work_[copies_.at(number)] = work_of(copy);
  }
  std::map<size_t, size_t> copies_;
  static std::function<void()> work_of(const QueuedCopy& copy) {
    return [copy] { std::memcpy(copy.to, copy.from, copy.bytes); };
  }

 private:
  ToyDeviceLog& log_;
  Work& queue_;
  Work work_;
};

class ToyQueue : public DeviceQueue {
 public:
  explicit ToyQueue(ToyDeviceLog& log) : log_(log) {}
  void enqueue(std::function<void()> work) { work_.push_back(std::move(work)); }

  void wait() override {
    ++log_.waits;
    Work work;
    work.swap(work_);
    for (const auto& step : work) step();
  }
  bool done() override { return work_.empty(); }
  void wait_for(CudaStream) override {}
  void copy(size_t number, const QueuedCopy& copy) override {
    copies_[number] = work_.size();
    work_.push_back(ToyRecording::work_of(copy));
  }
  std::unique_ptr<Recording> record(const std::function<void()>& enqueue_all) override {
    ++log_.recordings;
    Work before;
    before.swap(work_);
    copies_.clear();
    enqueue_all();
    before.swap(work_);
    auto recording = std::make_unique<ToyRecording>(log_, work_, std::move(before));
    recording->copies_ = std::move(copies_);
    return recording;
  }
  std::vector<int64_t> run_timed(size_t steps,
                                 const std::function<void(size_t)>& enqueue_step) override {
    std::vector<int64_t> times;
    for (size_t i = 0; i < steps; ++i) {
      enqueue_step(i);
      times.push_back(static_cast<int64_t>(i));
    }
    wait();
    return times;
  }
  std::vector<int64_t> replay_timed(Recording& recording, size_t runs) override {
    for (size_t i = 0; i < runs; ++i) {
      recording.replay();
      wait();
    }
    return std::vector<int64_t>(runs, 1);
  }

 private:
  ToyDeviceLog& log_;
  Work work_;
  std::map<size_t, size_t> copies_;
};

/// Any kernel for host memory, later.
class Deferred : public Kernel {
 public:
  explicit Deferred(std::unique_ptr<Kernel> kernel) : kernel_(std::move(kernel)) {}
  bool reads_constant(size_t) const override { return false; }
  int in_place_input() const override { return kernel_->in_place_input(); }
  void run(const KernelArguments& arguments) const override {
    const std::vector<const void*> inputs(arguments.inputs.begin(), arguments.inputs.end());
    const std::vector<void*> outputs(arguments.outputs.begin(), arguments.outputs.end());
    static_cast<ToyQueue*>(arguments.queue)->enqueue([this, inputs, outputs] {
      kernel_->run({inputs, outputs, nullptr, nullptr});
    });
  }

 private:
  std::unique_ptr<Kernel> kernel_;
};

class Copy : public Kernel {
 public:
  explicit Copy(size_t bytes) : bytes_(bytes) {}
  void run(const KernelArguments& arguments) const override {
    std::memcpy(arguments.outputs[0], arguments.inputs[0], bytes_);
  }

 private:
  size_t bytes_;
};

Offer make_deferred_unary(const KernelRequest& request) {
  Offer offer = make_toy_unary(request);
  auto* kernel = std::get_if<std::unique_ptr<Kernel>>(&offer);
  if (kernel == nullptr) return offer;
  return std::make_unique<Deferred>(std::move(*kernel));
}

std::shared_ptr<std::byte> memory(size_t bytes) {
  return {new std::byte[bytes](), std::default_delete<std::byte[]>()};
}

}  // namespace

std::shared_ptr<std::byte> ToyDevice::allocate(size_t bytes) {
  ++log.allocations;
  return memory(bytes);
}
std::shared_ptr<std::byte> ToyDevice::allocate_host(size_t bytes) {
  ++log.allocations;
  return memory(bytes);
}
std::unique_ptr<DeviceQueue> ToyDevice::make_queue() { return std::make_unique<ToyQueue>(log); }
std::unique_ptr<Kernel> ToyDevice::make_copy(CopyDirection, size_t bytes) {
  return std::make_unique<Deferred>(std::make_unique<Copy>(bytes));
}
void ToyDevice::read(void* host, const void* device, size_t bytes) {
  std::memcpy(host, device, bytes);
}

void ToyDevice::write(void* device, const void* host, size_t bytes) {
  std::memcpy(device, host, bytes);
}

ToyDeviceBackend::ToyDeviceBackend(std::initializer_list<std::string_view> rows) {
  for (const std::string_view name : rows) rows_.push_back({name, make_deferred_unary});
}

}  // namespace tendon::testing
