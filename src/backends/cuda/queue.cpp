// CudaQueue: a stream, and CUDA graphs of what is enqueued on it.
#include "backends/cuda/device.h"

namespace tendon::cuda {
namespace {

class GraphRecording final : public Recording {
 public:
  GraphRecording(CudaDevice& device, CUstream stream, CUgraph graph)
      : device_(device), stream_(stream), graph_(graph) {
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
  void replay() override {
    const CudaDevice::Scope scope(device_);
    check(device_.driver(), device_.driver().cuGraphLaunch(executable_, stream_),
          "cannot start the inference");
  }

 private:
  CudaDevice& device_;
  CUstream stream_;
  CUgraph graph_;
  CUgraphExec executable_ = nullptr;
};

class Event {
 public:
  explicit Event(const Driver& driver) : driver_(driver) {
    check(driver_, driver_.cuEventCreate(&event_, CU_EVENT_DEFAULT), "cannot measure");
  }
  ~Event() {
    if (event_ != nullptr) driver_.cuEventDestroy(event_);
  }
  Event(Event&& other) noexcept : driver_(other.driver_), event_(other.event_) {
    other.event_ = nullptr;
  }
  Event& operator=(Event&&) = delete;
  CUevent get() const { return event_; }

 private:
  const Driver& driver_;
  CUevent event_ = nullptr;
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
  // The memset was enqueued elsewhere.
  check(driver, driver.cuStreamSynchronize(nullptr), "cannot write to the GPU");
}

CudaQueue::~CudaQueue() {
  device_.driver().cuStreamSynchronize(stream_);
  device_.driver().cuStreamDestroy(stream_);
}

void CudaQueue::wait() {
  const CudaDevice::Scope scope(device_);
  check(device_.driver(), device_.driver().cuStreamSynchronize(stream_),
        "the inference failed on the GPU");
}

std::unique_ptr<Recording> CudaQueue::record(const std::function<void()>& enqueue) {
  const CudaDevice::Scope scope(device_);
  const Driver& driver = device_.driver();
  check(driver, driver.cuStreamBeginCapture(stream_, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL),
        "cannot record the inference");
  CUgraph graph = nullptr;
  try {
    enqueue();
  } catch (...) {
    driver.cuStreamEndCapture(stream_, &graph);
    if (graph != nullptr) driver.cuGraphDestroy(graph);
    throw;
  }
  check(driver, driver.cuStreamEndCapture(stream_, &graph), "cannot record the inference");
  return std::make_unique<GraphRecording>(device_, stream_, graph);
}

std::vector<int64_t> CudaQueue::run_timed(size_t steps,
                                          const std::function<void(size_t step)>& enqueue) {
  const CudaDevice::Scope scope(device_);
  const Driver& driver = device_.driver();
  std::vector<Event> events;
  for (size_t i = 0; i <= steps; ++i) events.emplace_back(driver);
  const auto mark = [&](size_t i) {
    check(driver, driver.cuEventRecordWithFlags(events[i].get(), stream_, CU_EVENT_RECORD_EXTERNAL),
          "cannot measure");
  };
  const auto recording = record([&] {
    mark(0);
    for (size_t i = 0; i < steps; ++i) {
      enqueue(i);
      mark(i + 1);
    }
  });
  recording->replay();
  wait();
  std::vector<int64_t> times;
  for (size_t i = 0; i < steps; ++i) {
    float milliseconds = 0;
    check(driver, driver.cuEventElapsedTime(&milliseconds, events[i].get(), events[i + 1].get()),
          "cannot measure");
    times.push_back(static_cast<int64_t>(static_cast<double>(milliseconds) * 1e6));
  }
  return times;
}

}  // namespace tendon::cuda
