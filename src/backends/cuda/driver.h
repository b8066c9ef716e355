// The NVIDIA driver's functions, found at run time: Tendon links to nothing of CUDA.
#pragma once

#include <cuda.h>

#include <string>
#include <string_view>
#include <variant>

namespace tendon::cuda {

// Every function that Tendon calls, under the name of the version it was compiled for.
#define TENDON_CUDA_FUNCTIONS(FUNCTION)    \
  FUNCTION(cuInit)                         \
  FUNCTION(cuDriverGetVersion)             \
  FUNCTION(cuGetErrorString)               \
  FUNCTION(cuDeviceGetCount)               \
  FUNCTION(cuDeviceGet)                    \
  FUNCTION(cuDeviceGetName)                \
  FUNCTION(cuDeviceGetAttribute)           \
  FUNCTION(cuDeviceTotalMem)               \
  FUNCTION(cuDevicePrimaryCtxRetain)       \
  FUNCTION(cuCtxPushCurrent)               \
  FUNCTION(cuCtxPopCurrent)                \
  FUNCTION(cuMemGetInfo)                   \
  FUNCTION(cuMemAlloc)                     \
  FUNCTION(cuMemFree)                      \
  FUNCTION(cuMemHostAlloc)                 \
  FUNCTION(cuMemFreeHost)                  \
  FUNCTION(cuMemcpyHtoD)                   \
  FUNCTION(cuMemcpyDtoH)                   \
  FUNCTION(cuMemcpyHtoDAsync)              \
  FUNCTION(cuMemcpyDtoHAsync)              \
  FUNCTION(cuMemcpyDtoDAsync)              \
  FUNCTION(cuPointerGetAttributes)         \
  FUNCTION(cuMemsetD8)                     \
  FUNCTION(cuStreamCreate)                 \
  FUNCTION(cuStreamDestroy)                \
  FUNCTION(cuStreamSynchronize)            \
  FUNCTION(cuStreamQuery)                  \
  FUNCTION(cuStreamWaitEvent)              \
  FUNCTION(cuStreamGetCaptureInfo)         \
  FUNCTION(cuStreamBeginCapture)           \
  FUNCTION(cuStreamEndCapture)             \
  FUNCTION(cuGraphInstantiateWithFlags)    \
  FUNCTION(cuGraphLaunch)                  \
  FUNCTION(cuGraphExecDestroy)             \
  FUNCTION(cuGraphExecMemcpyNodeSetParams) \
  FUNCTION(cuGraphDestroy)                 \
  FUNCTION(cuEventCreate)                  \
  FUNCTION(cuEventDestroy)                 \
  FUNCTION(cuEventRecordWithFlags)         \
  FUNCTION(cuEventElapsedTime)             \
  FUNCTION(cuEventQuery)                   \
  FUNCTION(cuEventSynchronize)             \
  FUNCTION(cuModuleLoadData)               \
  FUNCTION(cuModuleGetFunction)            \
  FUNCTION(cuFuncGetAttribute)             \
  FUNCTION(cuFuncSetAttribute)             \
  FUNCTION(cuLaunchKernelEx)               \
  FUNCTION(cuOccupancyMaxActiveClusters)   \
  FUNCTION(cuTensorMapEncodeTiled)         \
  FUNCTION(cuTensorMapEncodeIm2col)

/// The loader's table, and what tests put their own functions into.
struct Driver {
#define TENDON_CUDA_MEMBER(NAME) decltype(&::NAME) NAME = nullptr;
  TENDON_CUDA_FUNCTIONS(TENDON_CUDA_MEMBER)
#undef TENDON_CUDA_MEMBER
};

/// The driver library of this machine, or why it cannot be used and what to do.
std::variant<Driver, std::string> load_driver(const char* library = "libcuda.so.1");

/// Nothing when the driver is initialised and recent enough for this build's kernels.
std::string problem_of(const Driver& driver);

/// Throws Error{kUnsupported} "`what`: the CUDA driver says …" unless `result` is success.
void check(const Driver& driver, CUresult result, std::string_view what);

}  // namespace tendon::cuda
