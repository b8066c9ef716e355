// A driver made of host memory: allocations are counted, kernels only noted.
#pragma once

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
  int graphs = 0;
  int graph_launches = 0;
  int synchronizations = 0;
  std::vector<std::string> launches;  ///< names of kernels, copies as "copy"
  std::vector<bool> inputs_pending;   ///< of each wgmma kernel
};

/// Back to the answers above.
FakeGpu& reset_fake_gpu();
cuda::Driver fake_driver();

}  // namespace tendon::testing
