// CudaQueue: a stream, and CUDA graphs of what is enqueued on it.
#include "backends/cuda/device.h"

namespace tendon::cuda {
namespace {

CUDA_MEMCPY3D parameters_of(const QueuedCopy& copy) {
  CUDA_MEMCPY3D parameters{};
  const bool from_host = copy.direction == CopyDirection::kToDevice;
  const bool to_host = copy.direction == CopyDirection::kToHost;
  parameters.srcMemoryType = from_host ? CU_MEMORYTYPE_HOST : CU_MEMORYTYPE_DEVICE;
  parameters.dstMemoryType = to_host ? CU_MEMORYTYPE_HOST : CU_MEMORYTYPE_DEVICE;
  if (from_host) {
    parameters.srcHost = copy.from;
  } else {
    parameters.srcDevice = reinterpret_cast<CUdeviceptr>(copy.from);
  }
  if (to_host) {
    parameters.dstHost = copy.to;
  } else {
    parameters.dstDevice = reinterpret_cast<CUdeviceptr>(copy.to);
  }
  parameters.srcPitch = parameters.dstPitch = parameters.WidthInBytes = copy.bytes;
  parameters.Height = parameters.Depth = 1;
  return parameters;
}

class GraphRecording final : public Recording {
 public:
  GraphRecording(CudaDevice& device, CudaQueue& queue, CUgraph graph,
                 std::map<size_t, CUgraphNode> copies)
      : device_(device), queue_(queue), graph_(graph), copies_(std::move(copies)) {
    const CudaDevice::Scope scope(device_);
    const Driver& driver = device_.driver();
    const CUresult result = driver.cuGraphInstantiateWithFlags(&executable_, graph_, 0);
    if (result != CUDA_SUCCESS) driver.cuGraphDestroy(graph_);
    check(driver, result, "cannot make a CUDA graph of the inference");
  }
  ~GraphRecording() override {
    device_.driver().cuGraphExecDestroy(executable_);
    device_.driver().cuGraphDestroy(graph_);
  }
  void replay(std::optional<CudaStream> stream) override {
    const CudaDevice::Scope scope(device_);
    const CUstream target = queue_.enter(stream);
    check(device_.driver(), device_.driver().cuGraphLaunch(executable_, target),
          "cannot start the inference");
    queue_.leave(target);
  }
  void set_copy(size_t number, const QueuedCopy& copy) override {
    const auto node = copies_.find(number);
    if (node == copies_.end()) return;  // of nothing
    const CudaDevice::Scope scope(device_);
    const CUDA_MEMCPY3D parameters = parameters_of(copy);
    check(device_.driver(),
          device_.driver().cuGraphExecMemcpyNodeSetParams(executable_, node->second, &parameters,
                                                          device_.context()),
          "cannot give the inference another address");
  }

 private:
  CudaDevice& device_;
  CudaQueue& queue_;
  CUgraph graph_;
  std::map<size_t, CUgraphNode> copies_;
  CUgraphExec executable_ = nullptr;
};

/// Points in a stream whose times the GPU takes.
class Marks {
 public:
  Marks(const Driver& driver, CUstream stream, size_t count) : driver_(driver), stream_(stream) {
    for (size_t i = 0; i < count; ++i) {
      events_.emplace_back(nullptr, driver.cuEventDestroy);
      CUevent event = nullptr;
      check(driver_, driver_.cuEventCreate(&event, CU_EVENT_DEFAULT), "cannot measure");
      events_.back().reset(event);
    }
  }
  void set(size_t i, unsigned flags) const {
    check(driver_, driver_.cuEventRecordWithFlags(events_[i].get(), stream_, flags),
          "cannot measure");
  }
  int64_t nanoseconds(size_t from, size_t to) const {
    float milliseconds = 0;
    check(driver_,
          driver_.cuEventElapsedTime(&milliseconds, events_[from].get(), events_[to].get()),
          "cannot measure");
    return static_cast<int64_t>(static_cast<double>(milliseconds) * 1e6);
  }

 private:
  const Driver& driver_;
  CUstream stream_;
  std::vector<std::unique_ptr<CUevent_st, decltype(Driver::cuEventDestroy)>> events_;
};

}  // namespace

CudaQueue::CudaQueue(CudaDevice& device)
    : device_(device), counters_(device.allocate(kCounters * sizeof(int))) {
  const CudaDevice::Scope scope(device_);
  const Driver& driver = device_.driver();
  check(
      driver,
      driver.cuMemsetD8(reinterpret_cast<CUdeviceptr>(counters_.get()), 0, kCounters * sizeof(int)),
      "cannot write to the GPU");
  check(driver, driver.cuStreamCreate(&stream_, CU_STREAM_NON_BLOCKING), "cannot make a stream");
  last_ = stream_;
  check(driver, driver.cuEventCreate(&mark_, CU_EVENT_DISABLE_TIMING), "cannot make an event");
  // The memset was enqueued elsewhere.
  check(driver, driver.cuStreamSynchronize(nullptr), "cannot write to the GPU");
}

CudaQueue::~CudaQueue() {
  if (last_ != stream_) device_.driver().cuEventSynchronize(mark_);
  device_.driver().cuStreamSynchronize(stream_);
  device_.driver().cuEventDestroy(mark_);
  device_.driver().cuStreamDestroy(stream_);
}

CUstream CudaQueue::enter(std::optional<CudaStream> stream) {
  const Driver& driver = device_.driver();
  const CUstream target = stream ? static_cast<CUstream>(stream->handle) : stream_;
  if (target == last_) return target;
  if (last_ == stream_) {
    check(driver, driver.cuEventRecordWithFlags(mark_, stream_, CU_EVENT_RECORD_DEFAULT),
          "cannot order two streams");
  }
  check(driver, driver.cuStreamWaitEvent(target, mark_, CU_EVENT_WAIT_DEFAULT),
        "cannot order two streams");
  return target;
}

void CudaQueue::leave(CUstream stream) {
  last_ = stream;
  if (stream == stream_) return;
  const Driver& driver = device_.driver();
  check(driver, driver.cuEventRecordWithFlags(mark_, stream, CU_EVENT_RECORD_DEFAULT),
        "cannot mark the end of the inference");
}

void CudaQueue::wait() {
  const CudaDevice::Scope scope(device_);
  const Driver& driver = device_.driver();
  check(driver,
        last_ == stream_ ? driver.cuStreamSynchronize(stream_) : driver.cuEventSynchronize(mark_),
        "the inference failed on the GPU");
  last_ = stream_;
}

bool CudaQueue::done() {
  const CudaDevice::Scope scope(device_);
  const Driver& driver = device_.driver();
  const CUresult result =
      last_ == stream_ ? driver.cuStreamQuery(stream_) : driver.cuEventQuery(mark_);
  if (result == CUDA_ERROR_NOT_READY) return false;
  check(driver, result, "the inference failed on the GPU");
  return true;
}

void CudaQueue::wait_for(CudaStream stream) {
  const CudaDevice::Scope scope(device_);
  check(device_.driver(),
        device_.driver().cuStreamSynchronize(static_cast<CUstream>(stream.handle)),
        "the caller's stream failed on the GPU");
}

void CudaQueue::copy(size_t number, const QueuedCopy& copy) {
  if (copy.bytes == 0) return;
  const CudaDevice::Scope scope(device_);
  const Driver& driver = device_.driver();
  const auto to = reinterpret_cast<CUdeviceptr>(copy.to);
  const auto from = reinterpret_cast<CUdeviceptr>(copy.from);
  const CUresult result = [&] {
    switch (copy.direction) {
      case CopyDirection::kToDevice:
        return driver.cuMemcpyHtoDAsync(to, copy.from, copy.bytes, stream_);
      case CopyDirection::kToHost:
        return driver.cuMemcpyDtoHAsync(copy.to, from, copy.bytes, stream_);
      case CopyDirection::kOnDevice: return driver.cuMemcpyDtoDAsync(to, from, copy.bytes, stream_);
    }
    return CUDA_ERROR_INVALID_VALUE;
  }();
  check(driver, result, "cannot copy");
  CUstreamCaptureStatus status{};
  const CUgraphNode* last = nullptr;
  const CUgraphEdgeData* edges = nullptr;
  size_t count = 0;
  check(driver,
        driver.cuStreamGetCaptureInfo(stream_, &status, nullptr, nullptr, &last, &edges, &count),
        "cannot find the copy in the graph");
  if (status != CU_STREAM_CAPTURE_STATUS_ACTIVE) return;
  TENDON_ASSERT(count == 1);
  copies_[number] = *last;
}

std::unique_ptr<Recording> CudaQueue::record(const std::function<void()>& enqueue) {
  const CudaDevice::Scope scope(device_);
  const Driver& driver = device_.driver();
  check(driver, driver.cuStreamBeginCapture(stream_, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL),
        "cannot record the inference");
  copies_.clear();
  CUgraph graph = nullptr;
  try {
    enqueue();
  } catch (...) {
    driver.cuStreamEndCapture(stream_, &graph);
    if (graph != nullptr) driver.cuGraphDestroy(graph);
    throw;
  }
  check(driver, driver.cuStreamEndCapture(stream_, &graph), "cannot record the inference");
  return std::make_unique<GraphRecording>(device_, *this, graph, std::move(copies_));
}

std::vector<int64_t> CudaQueue::run_timed(size_t steps,
                                          const std::function<void(size_t step)>& enqueue) {
  constexpr int kWarmUps = 3;
  const CudaDevice::Scope scope(device_);
  const Marks marks(device_.driver(), stream_, steps + 1);
  const auto recording = record([&] {
    marks.set(0, CU_EVENT_RECORD_EXTERNAL);
    for (size_t i = 0; i < steps; ++i) {
      enqueue(i);
      marks.set(i + 1, CU_EVENT_RECORD_EXTERNAL);
    }
  });
  for (int i = 0; i <= kWarmUps; ++i) recording->replay();
  wait();
  std::vector<int64_t> times;
  for (size_t i = 0; i < steps; ++i) times.push_back(marks.nanoseconds(i, i + 1));
  return times;
}

std::vector<int64_t> CudaQueue::replay_timed(Recording& recording, size_t runs) {
  const CudaDevice::Scope scope(device_);
  const Marks marks(device_.driver(), stream_, 2);
  std::vector<int64_t> times;
  for (size_t i = 0; i < runs; ++i) {
    marks.set(0, CU_EVENT_RECORD_DEFAULT);
    recording.replay();
    marks.set(1, CU_EVENT_RECORD_DEFAULT);
    wait();
    times.push_back(marks.nanoseconds(0, 1));
  }
  return times;
}

}  // namespace tendon::cuda
