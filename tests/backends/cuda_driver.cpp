#include "cuda_driver.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <mutex>

#include "backends/cuda/elementwise_parameters.h"
#include "backends/cuda/wgmma_parameters.h"

namespace tendon::testing {
namespace {

using Work = std::function<void()>;

/// One step of a graph.
struct Node {
  Work work;
};
struct Graph {
  std::vector<Node> nodes;
};

struct Stream {
  std::deque<Work> waiting;
  size_t done = 0;
  bool captures = false;
  Graph graph;
  CUgraphNode last = nullptr;

  size_t end() const { return done + waiting.size(); }
  void run_to(size_t position) {
    while (done < position) {
      const Work work = std::move(waiting.front());
      waiting.pop_front();
      ++done;
      work();
    }
  }
};

struct Event {
  Stream* stream = nullptr;
  size_t position = 0;
};

struct Allocation {
  size_t bytes;
  bool on_device;
  int gpu;
};

FakeGpu gpu;
/// Of this thread, made current.
thread_local int contexts = 0;
CUresult in_context() { return contexts > 0 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_CONTEXT; }
/// A program may use several threads; the driver's state is one.
std::recursive_mutex mutex;
/// Functions are places in it.
std::deque<std::string> names;
std::map<CUstream, Stream> streams;
std::map<const std::byte*, Allocation> allocations;
uintptr_t next_handle = 1;

std::unique_lock<std::recursive_mutex> locked() { return std::unique_lock(mutex); }

CUdeviceptr address_of(void* memory) { return reinterpret_cast<CUdeviceptr>(memory); }
template <class Handle>
Handle some_handle() {
  static int place;
  return reinterpret_cast<Handle>(&place);
}
/// Number of a node in its graph, from 1.
CUgraphNode node_handle(size_t number) { return reinterpret_cast<CUgraphNode>(number); }

void* allocate(size_t bytes, bool on_device, int number) {
  auto* memory = static_cast<std::byte*>(std::malloc(std::max<size_t>(bytes, 1)));
  allocations[memory] = {bytes, on_device, number};
  if (on_device) gpu.device_bytes += bytes;
  return memory;
}

void release(void* memory) {
  const auto found = allocations.find(static_cast<std::byte*>(memory));
  if (found == allocations.end()) std::abort();  // freed twice, or never allocated here
  if (found->second.on_device) gpu.device_bytes -= found->second.bytes;
  allocations.erase(found);
  std::free(memory);
}

const Allocation* allocation_of(CUdeviceptr address) {
  const auto* byte = reinterpret_cast<const std::byte*>(address);
  auto next = allocations.upper_bound(byte);
  if (next == allocations.begin()) return nullptr;
  --next;
  return byte < next->first + next->second.bytes ? &next->second : nullptr;
}

Stream& stream_of(CUstream handle) { return streams[handle]; }

void put(CUstream handle, Node node) {
  Stream& stream = stream_of(handle);
  if (!stream.captures) {
    stream.waiting.push_back(node.work);
    return;
  }
  stream.graph.nodes.push_back(std::move(node));
  stream.last = node_handle(stream.graph.nodes.size());
}

void put_copy(CUstream stream, void* to, const void* from, size_t bytes) {
  gpu.launches.emplace_back("copy");
  put(stream, {[=] { std::memcpy(to, from, bytes); }});
}

Work work_of(const CUDA_MEMCPY3D& copy) {
  const void* const from = copy.srcMemoryType == CU_MEMORYTYPE_HOST
                               ? copy.srcHost
                               : reinterpret_cast<const void*>(copy.srcDevice);
  void* const to = copy.dstMemoryType == CU_MEMORYTYPE_HOST
                       ? copy.dstHost
                       : reinterpret_cast<void*>(copy.dstDevice);
  return [to, from, bytes = copy.WidthInBytes] { std::memcpy(to, from, bytes); };
}

Work work_of_kernel(const std::string& name, void** parameters) {
  if (name != "unary_f32") return [] {};
  const auto p = *static_cast<const cuda::ElementwiseParameters*>(parameters[0]);
  return [p] {
    const auto* a = static_cast<const float*>(p.a);
    for (int i = 0; i < p.count; ++i) static_cast<float*>(p.y)[i] = std::max(a[i], 0.0F);
  };
}

Event& event_of(CUevent handle) { return *reinterpret_cast<Event*>(handle); }

void add_memory(cuda::Driver& d) {
  d.cuMemGetInfo = [](size_t* free, size_t* total) {
    *free = gpu.free_bytes;
    *total = size_t{2} << 30;
    return CUDA_SUCCESS;
  };
  d.cuMemAlloc = [](CUdeviceptr* address, size_t bytes) {
    const auto lock = locked();
    if (bytes > gpu.free_bytes) return CUDA_ERROR_OUT_OF_MEMORY;
    ++gpu.allocations;
    *address = address_of(allocate(bytes, true, 0));
    return CUDA_SUCCESS;
  };
  d.cuMemFree = [](CUdeviceptr address) {
    const auto lock = locked();
    release(reinterpret_cast<void*>(address));
    return CUDA_SUCCESS;
  };
  d.cuMemHostAlloc = [](void** memory, size_t bytes, unsigned) {
    const auto lock = locked();
    ++gpu.allocations;
    *memory = allocate(bytes, false, 0);
    return CUDA_SUCCESS;
  };
  d.cuMemFreeHost = [](void* memory) {
    const auto lock = locked();
    release(memory);
    return CUDA_SUCCESS;
  };
  d.cuPointerGetAttributes = [](unsigned count, CUpointer_attribute* which, void** answers,
                                CUdeviceptr address) {
    const auto lock = locked();
    const Allocation* const found = allocation_of(address);
    for (unsigned i = 0; i < count; ++i) {
      auto& answer = *static_cast<unsigned*>(answers[i]);
      answer = 0;
      if (found == nullptr) continue;
      if (which[i] == CU_POINTER_ATTRIBUTE_MEMORY_TYPE) {
        answer = found->on_device ? CU_MEMORYTYPE_DEVICE : CU_MEMORYTYPE_HOST;
      } else if (which[i] == CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL) {
        answer = static_cast<unsigned>(found->gpu);
      }
    }
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
  d.cuMemcpyHtoDAsync = [](CUdeviceptr to, const void* from, size_t bytes, CUstream stream) {
    const auto lock = locked();
    put_copy(stream, reinterpret_cast<void*>(to), from, bytes);
    return CUDA_SUCCESS;
  };
  d.cuMemcpyDtoHAsync = [](void* to, CUdeviceptr from, size_t bytes, CUstream stream) {
    const auto lock = locked();
    put_copy(stream, to, reinterpret_cast<const void*>(from), bytes);
    return CUDA_SUCCESS;
  };
  d.cuMemcpyDtoDAsync = [](CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream) {
    const auto lock = locked();
    put_copy(stream, reinterpret_cast<void*>(to), reinterpret_cast<const void*>(from), bytes);
    return CUDA_SUCCESS;
  };
  d.cuMemsetD8 = [](CUdeviceptr to, unsigned char value, size_t bytes) {
    std::memset(reinterpret_cast<void*>(to), value, bytes);
    return CUDA_SUCCESS;
  };
}

void add_streams(cuda::Driver& d) {
  d.cuStreamCreate = [](CUstream* stream, unsigned) {
    const auto lock = locked();
    *stream = reinterpret_cast<CUstream>(next_handle++ << 4);
    return CUDA_SUCCESS;
  };
  d.cuStreamDestroy = [](CUstream stream) {
    const auto lock = locked();
    Stream& ended = stream_of(stream);
    ended.run_to(ended.end());
    return CUDA_SUCCESS;
  };
  d.cuStreamSynchronize = [](CUstream stream) {
    const auto lock = locked();
    if (stream != nullptr) ++gpu.synchronizations;
    if (stream != nullptr && gpu.synchronize != CUDA_SUCCESS) return gpu.synchronize;
    Stream& waited = stream_of(stream);
    waited.run_to(waited.end());
    return CUDA_SUCCESS;
  };
  d.cuStreamQuery = [](CUstream stream) {
    const auto lock = locked();
    return stream_of(stream).waiting.empty() ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
  };
  d.cuStreamWaitEvent = [](CUstream stream, CUevent event, unsigned) {
    const auto lock = locked();
    const Event awaited = event_of(event);
    stream_of(stream).waiting.push_back([awaited] { awaited.stream->run_to(awaited.position); });
    return CUDA_SUCCESS;
  };
  d.cuStreamBeginCapture = [](CUstream stream, CUstreamCaptureMode) {
    const auto lock = locked();
    stream_of(stream).captures = true;
    stream_of(stream).graph = {};
    return CUDA_SUCCESS;
  };
  d.cuStreamGetCaptureInfo = [](CUstream stream, CUstreamCaptureStatus* status, cuuint64_t*,
                                CUgraph*, const CUgraphNode** last, const CUgraphEdgeData**,
                                size_t* count) {
    const auto lock = locked();
    Stream& asked = stream_of(stream);
    *status = asked.captures ? CU_STREAM_CAPTURE_STATUS_ACTIVE : CU_STREAM_CAPTURE_STATUS_NONE;
    *last = &asked.last;
    *count = 1;
    return CUDA_SUCCESS;
  };
  d.cuStreamEndCapture = [](CUstream stream, CUgraph* graph) {
    const auto lock = locked();
    ++gpu.graphs;
    Stream& recorded = stream_of(stream);
    recorded.captures = false;
    *graph = reinterpret_cast<CUgraph>(new Graph(std::move(recorded.graph)));
    return CUDA_SUCCESS;
  };
  d.cuGraphInstantiateWithFlags = [](CUgraphExec* executable, CUgraph graph, unsigned long long) {
    *executable = reinterpret_cast<CUgraphExec>(new Graph(*reinterpret_cast<const Graph*>(graph)));
    return CUDA_SUCCESS;
  };
  d.cuGraphExecMemcpyNodeSetParams = [](CUgraphExec executable, CUgraphNode node,
                                        const CUDA_MEMCPY3D* copy, CUcontext) {
    const auto lock = locked();
    ++gpu.address_changes;
    reinterpret_cast<Graph*>(executable)->nodes[reinterpret_cast<uintptr_t>(node) - 1].work =
        work_of(*copy);
    return CUDA_SUCCESS;
  };
  d.cuGraphLaunch = [](CUgraphExec executable, CUstream stream) {
    const auto lock = locked();
    ++gpu.graph_launches;
    for (const Node& node : reinterpret_cast<const Graph*>(executable)->nodes) put(stream, node);
    return CUDA_SUCCESS;
  };
  d.cuGraphExecDestroy = [](CUgraphExec executable) {
    delete reinterpret_cast<Graph*>(executable);
    return CUDA_SUCCESS;
  };
  d.cuGraphDestroy = [](CUgraph graph) {
    delete reinterpret_cast<Graph*>(graph);
    return CUDA_SUCCESS;
  };
  d.cuEventCreate = [](CUevent* event, unsigned) {
    *event = reinterpret_cast<CUevent>(new Event());
    return CUDA_SUCCESS;
  };
  d.cuEventDestroy = [](CUevent event) {
    delete &event_of(event);
    return CUDA_SUCCESS;
  };
  d.cuEventRecordWithFlags = [](CUevent event, CUstream stream, unsigned) {
    const auto lock = locked();
    event_of(event) = {&stream_of(stream), stream_of(stream).end()};
    return CUDA_SUCCESS;
  };
  d.cuEventQuery = [](CUevent event) {
    const auto lock = locked();
    const Event& asked = event_of(event);
    return asked.stream->done >= asked.position ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
  };
  d.cuEventSynchronize = [](CUevent event) {
    const auto lock = locked();
    ++gpu.synchronizations;
    event_of(event).stream->run_to(event_of(event).position);
    return gpu.synchronize;
  };
  d.cuEventElapsedTime = [](float* milliseconds, CUevent, CUevent) {
    *milliseconds = 0.5F;
    return CUDA_SUCCESS;
  };
}

void add_kernels(cuda::Driver& d) {
  d.cuModuleLoadData = [](CUmodule* module, const void*) {
    *module = some_handle<CUmodule>();
    return gpu.load;
  };
  d.cuModuleGetFunction = [](CUfunction* function, CUmodule, const char* name) {
    const auto lock = locked();
    names.emplace_back(name);
    *function = reinterpret_cast<CUfunction>(&names.back());
    return CUDA_SUCCESS;
  };
  d.cuFuncGetAttribute = [](int* bytes, CUfunction_attribute, CUfunction) {
    *bytes = 1024;
    return CUDA_SUCCESS;
  };
  d.cuFuncSetAttribute = [](CUfunction, CUfunction_attribute, int) { return CUDA_SUCCESS; };
  d.cuOccupancyMaxActiveClusters = [](int* clusters, CUfunction, const CUlaunchConfig* config) {
    const auto blocks = static_cast<int>(config->attrs[0].value.clusterDim.z);
    *clusters = 132 / blocks;
    return CUDA_SUCCESS;
  };
  d.cuLaunchKernelEx = [](const CUlaunchConfig* config, CUfunction function, void** parameters,
                          void**) {
    const auto lock = locked();
    const std::string& name = *reinterpret_cast<const std::string*>(function);
    gpu.launches.push_back(name);
    if (name.starts_with("wgmma")) {
      gpu.inputs_pending.push_back(
          static_cast<const cuda::WgmmaParameters*>(parameters[0])->inputs_pending);
    }
    put(config->hStream, {work_of_kernel(name, parameters)});
    return CUDA_SUCCESS;
  };
  d.cuTensorMapEncodeTiled =
      [](CUtensorMap*, CUtensorMapDataType, cuuint32_t, void*, const cuuint64_t*, const cuuint64_t*,
         const cuuint32_t*, const cuuint32_t*, CUtensorMapInterleave, CUtensorMapSwizzle,
         CUtensorMapL2promotion, CUtensorMapFloatOOBfill) { return in_context(); };
  d.cuTensorMapEncodeIm2col = [](CUtensorMap*, CUtensorMapDataType, cuuint32_t, void*,
                                 const cuuint64_t*, const cuuint64_t*, const int*, const int*,
                                 cuuint32_t, cuuint32_t, const cuuint32_t*, CUtensorMapInterleave,
                                 CUtensorMapSwizzle, CUtensorMapL2promotion,
                                 CUtensorMapFloatOOBfill) { return in_context(); };
}

}  // namespace

FakeGpu& reset_fake_gpu() {
  const auto lock = locked();
  for (auto& [handle, stream] : streams) stream.waiting.clear();
  const size_t held = gpu.device_bytes;
  gpu = {};
  gpu.device_bytes = held;
  return gpu;
}

void enqueue_on_fake_stream(CUstream stream, Work work) {
  const auto lock = locked();
  put(stream, {std::move(work)});
}

void* allocate_on_fake_gpu(size_t bytes, int number) {
  const auto lock = locked();
  return allocate(bytes, true, number);
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
  d.cuCtxPushCurrent = [](CUcontext) {
    ++contexts;
    return CUDA_SUCCESS;
  };
  d.cuCtxPopCurrent = [](CUcontext*) {
    --contexts;
    return CUDA_SUCCESS;
  };
  add_memory(d);
  add_streams(d);
  add_kernels(d);
  return d;
}

}  // namespace tendon::testing
