// A driver made of host memory. Work waits in its stream until somebody waits for it, so a missing
// wait or a missing order of two streams shows; of kernels only Relu of float32 computes.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "backends/cuda/driver.h"

namespace tendon::testing {

/// What the driver answers, and what it was asked. There is one.
struct FakeGpu {
  int version = CUDA_VERSION;
  int count = 1;
  int architecture = 90;
  size_t free_bytes = size_t{1} << 30;
  CUresult init = CUDA_SUCCESS;
  CUresult load = CUDA_SUCCESS;
  CUresult synchronize = CUDA_SUCCESS;

  int allocations = 0;
  size_t device_bytes = 0;  ///< allocated and not freed
  int graphs = 0;
  int graph_launches = 0;
  int synchronizations = 0;
  int address_changes = 0;            ///< of copies in graphs
  std::vector<std::string> launches;  ///< names of kernels, copies as "copy"
  std::vector<bool> inputs_pending;   ///< of each wgmma kernel
};

/// Back to the answers above; nothing waits any more.
FakeGpu& reset_fake_gpu();
cuda::Driver fake_driver();

/// Puts work into a stream, as a caller's own kernels would.
void enqueue_on_fake_stream(CUstream stream, std::function<void()> work);
/// Memory of GPU `gpu` that the caller allocated; cuMemFree gives it back.
void* allocate_on_fake_gpu(size_t bytes, int gpu = 0);

}  // namespace tendon::testing
