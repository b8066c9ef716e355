#include "cuda_driver.h"

#include <cstdlib>
#include <cstring>
#include <deque>

#include "backends/cuda/wgmma_parameters.h"

namespace tendon::testing {
namespace {

FakeGpu gpu;
/// Functions are places in it.
std::deque<std::string> names;

CUdeviceptr address_of(void* memory) { return reinterpret_cast<CUdeviceptr>(memory); }
template <class Handle>
Handle some_handle() {
  static int place;
  return reinterpret_cast<Handle>(&place);
}

}  // namespace

FakeGpu& reset_fake_gpu() {
  gpu = {};
  return gpu;
}

cuda::Driver fake_driver() {
  cuda::Driver d;
  d.cuInit = [](unsigned) { return gpu.init; };
  d.cuDriverGetVersion = [](int* version) {
    *version = gpu.version;
    return CUDA_SUCCESS;
  };
  d.cuGetErrorString = [](CUresult, const char** text) {
    *text = "fake failure";
    return CUDA_SUCCESS;
  };
  d.cuDeviceGetCount = [](int* count) {
    *count = gpu.count;
    return CUDA_SUCCESS;
  };
  d.cuDeviceGet = [](CUdevice* device, int ordinal) {
    *device = ordinal;
    return CUDA_SUCCESS;
  };
  d.cuDeviceGetName = [](char* name, int length, CUdevice) {
    std::strncpy(name, "Fake GPU", static_cast<size_t>(length));
    return CUDA_SUCCESS;
  };
  d.cuDeviceGetAttribute = [](int* value, CUdevice_attribute which, CUdevice) {
    switch (which) {
      case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT: *value = 132; break;
      case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN: *value = 227 * 1024; break;
      case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR: *value = gpu.architecture / 10; break;
      default: *value = gpu.architecture % 10;
    }
    return CUDA_SUCCESS;
  };
  d.cuDeviceTotalMem = [](size_t* bytes, CUdevice) {
    *bytes = size_t{2} << 30;
    return CUDA_SUCCESS;
  };
  d.cuDevicePrimaryCtxRetain = [](CUcontext* context, CUdevice) {
    *context = some_handle<CUcontext>();
    return CUDA_SUCCESS;
  };
  d.cuCtxPushCurrent = [](CUcontext) { return CUDA_SUCCESS; };
  d.cuCtxPopCurrent = [](CUcontext*) { return CUDA_SUCCESS; };
  d.cuMemGetInfo = [](size_t* free, size_t* total) {
    *free = gpu.free_bytes;
    *total = size_t{2} << 30;
    return CUDA_SUCCESS;
  };
  d.cuMemAlloc = [](CUdeviceptr* address, size_t bytes) {
    if (bytes > gpu.free_bytes) return CUDA_ERROR_OUT_OF_MEMORY;
    ++gpu.allocations;
    *address = address_of(std::malloc(bytes));
    return CUDA_SUCCESS;
  };
  d.cuMemFree = [](CUdeviceptr address) {
    std::free(reinterpret_cast<void*>(address));
    return CUDA_SUCCESS;
  };
  d.cuMemHostAlloc = [](void** memory, size_t bytes, unsigned) {
    ++gpu.allocations;
    *memory = std::malloc(bytes);
    return CUDA_SUCCESS;
  };
  d.cuMemFreeHost = [](void* memory) {
    std::free(memory);
    return CUDA_SUCCESS;
  };
  d.cuMemcpyHtoD = [](CUdeviceptr to, const void* from, size_t bytes) {
    std::memcpy(reinterpret_cast<void*>(to), from, bytes);
    return CUDA_SUCCESS;
  };
  d.cuMemcpyDtoH = [](void* to, CUdeviceptr from, size_t bytes) {
    std::memcpy(to, reinterpret_cast<const void*>(from), bytes);
    return CUDA_SUCCESS;
  };
  d.cuMemcpyHtoDAsync = [](CUdeviceptr, const void*, size_t, CUstream) {
    gpu.launches.emplace_back("copy");
    return CUDA_SUCCESS;
  };
  d.cuMemcpyDtoHAsync = [](void*, CUdeviceptr, size_t, CUstream) {
    gpu.launches.emplace_back("copy");
    return CUDA_SUCCESS;
  };
  d.cuMemsetD8 = [](CUdeviceptr, unsigned char, size_t) { return CUDA_SUCCESS; };
  d.cuStreamCreate = [](CUstream* stream, unsigned) {
    *stream = some_handle<CUstream>();
    return CUDA_SUCCESS;
  };
  d.cuStreamDestroy = [](CUstream) { return CUDA_SUCCESS; };
  d.cuStreamSynchronize = [](CUstream stream) {
    if (stream != nullptr) ++gpu.synchronizations;
    return stream == nullptr ? CUDA_SUCCESS : gpu.synchronize;
  };
  d.cuStreamBeginCapture = [](CUstream, CUstreamCaptureMode) { return CUDA_SUCCESS; };
  d.cuStreamEndCapture = [](CUstream, CUgraph* graph) {
    ++gpu.graphs;
    *graph = some_handle<CUgraph>();
    return CUDA_SUCCESS;
  };
  d.cuGraphInstantiateWithFlags = [](CUgraphExec* executable, CUgraph, unsigned long long) {
    *executable = some_handle<CUgraphExec>();
    return CUDA_SUCCESS;
  };
  d.cuGraphLaunch = [](CUgraphExec, CUstream) {
    ++gpu.graph_launches;
    return CUDA_SUCCESS;
  };
  d.cuGraphExecDestroy = [](CUgraphExec) { return CUDA_SUCCESS; };
  d.cuGraphDestroy = [](CUgraph) { return CUDA_SUCCESS; };
  d.cuEventCreate = [](CUevent* event, unsigned) {
    *event = some_handle<CUevent>();
    return CUDA_SUCCESS;
  };
  d.cuEventDestroy = [](CUevent) { return CUDA_SUCCESS; };
  d.cuEventRecordWithFlags = [](CUevent, CUstream, unsigned) { return CUDA_SUCCESS; };
  d.cuEventElapsedTime = [](float* milliseconds, CUevent, CUevent) {
    *milliseconds = 0.5F;
    return CUDA_SUCCESS;
  };
  d.cuModuleLoadData = [](CUmodule* module, const void*) {
    *module = some_handle<CUmodule>();
    return gpu.load;
  };
  d.cuModuleGetFunction = [](CUfunction* function, CUmodule, const char* name) {
    names.emplace_back(name);
    *function = reinterpret_cast<CUfunction>(&names.back());
    return CUDA_SUCCESS;
  };
  d.cuFuncSetAttribute = [](CUfunction, CUfunction_attribute, int) { return CUDA_SUCCESS; };
  d.cuLaunchKernelEx = [](const CUlaunchConfig*, CUfunction function, void** parameters, void**) {
    const std::string& name = *reinterpret_cast<const std::string*>(function);
    gpu.launches.push_back(name);
    if (name.starts_with("wgmma")) {
      gpu.inputs_pending.push_back(
          static_cast<const cuda::WgmmaParameters*>(parameters[0])->inputs_pending);
    }
    return CUDA_SUCCESS;
  };
  d.cuTensorMapEncodeTiled =
      [](CUtensorMap*, CUtensorMapDataType, cuuint32_t, void*, const cuuint64_t*, const cuuint64_t*,
         const cuuint32_t*, const cuuint32_t*, CUtensorMapInterleave, CUtensorMapSwizzle,
         CUtensorMapL2promotion, CUtensorMapFloatOOBfill) { return CUDA_SUCCESS; };
  d.cuTensorMapEncodeIm2col = [](CUtensorMap*, CUtensorMapDataType, cuuint32_t, void*,
                                 const cuuint64_t*, const cuuint64_t*, const int*, const int*,
                                 cuuint32_t, cuuint32_t, const cuuint32_t*, CUtensorMapInterleave,
                                 CUtensorMapSwizzle, CUtensorMapL2promotion,
                                 CUtensorMapFloatOOBfill) { return CUDA_SUCCESS; };
  return d;
}

}  // namespace tendon::testing
