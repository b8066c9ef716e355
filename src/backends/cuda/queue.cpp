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
