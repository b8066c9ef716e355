#include "backends/cuda/device.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/format.h"
#include "engine/memory_tally.h"

namespace tendon::cuda {
namespace {

CUdeviceptr as_device(const void* address) { return reinterpret_cast<CUdeviceptr>(address); }

class CopyKernel final : public Kernel {
 public:
  CopyKernel(CudaDevice& device, CopyDirection direction, size_t bytes)
      : device_(device), direction_(direction), bytes_(bytes) {}

  void run(const KernelArguments& arguments) const override {
    if (bytes_ == 0) return;
    const CudaDevice::Scope scope(device_);
    const Driver& driver = device_.driver();
    const CUstream stream = static_cast<CudaQueue*>(arguments.queue)->stream();
    const void* const from = arguments.inputs[0];
    void* const to = arguments.outputs[0];
    const CUresult result = direction_ == CopyDirection::kToDevice
                                ? driver.cuMemcpyHtoDAsync(as_device(to), from, bytes_, stream)
                                : driver.cuMemcpyDtoHAsync(to, as_device(from), bytes_, stream);
    check(driver, result, "cannot copy");
  }

 private:
  CudaDevice& device_;
  CopyDirection direction_;
  size_t bytes_;
};

}  // namespace

CudaDevice::CudaDevice(const Driver& driver, int ordinal, std::span<const Image> images)
    : driver_(driver), images_(images), ordinal_(ordinal) {
  int count = 0;
  check(driver_, driver_.cuDeviceGetCount(&count), "cannot count the GPUs");
  if (ordinal >= count) {
    fail(ErrorKind::kUnsupported, "device 'cuda:{}' does not exist: this machine has {} GPU(s)",
         ordinal, count);
  }
  check(driver_, driver_.cuDeviceGet(&device_, ordinal), "cannot open the GPU");
  std::array<char, 256> text{};
  check(driver_, driver_.cuDeviceGetName(text.data(), static_cast<int>(text.size()) - 1, device_),
        "cannot read the GPU's name");
  name_ = text.data();
  multiprocessors_ = attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
  shared_bytes_ = attribute(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);
  architecture_ = 10 * attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR) +
                  attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
  check(driver_, driver_.cuDriverGetVersion(&driver_version_), "cannot read the driver's version");
  check(driver_, driver_.cuDeviceTotalMem(&total_bytes_, device_), "cannot read the GPU's memory");
  check(driver_, driver_.cuDevicePrimaryCtxRetain(&context_, device_), "cannot use the GPU");
}

int CudaDevice::attribute(CUdevice_attribute which) const {
  int value = 0;
  check(driver_, driver_.cuDeviceGetAttribute(&value, which, device_), "cannot ask the GPU");
  return value;
}

std::shared_ptr<std::byte> CudaDevice::allocate(size_t bytes) {
  const Scope scope(*this);
  CUdeviceptr address = 0;
  const CUresult result = driver_.cuMemAlloc(&address, std::max<size_t>(bytes, 1));
  if (result == CUDA_ERROR_OUT_OF_MEMORY) {
    size_t free = 0;
    size_t total = 0;
    driver_.cuMemGetInfo(&free, &total);
    fail(ErrorKind::kUnsupported,
         "{} needs {} bytes, but only {} of its {} bytes are free; end other programs on this GPU "
         "or use smaller shapes",
         name_, bytes, free, total);
  }
  check(driver_, result, fmt::format("cannot allocate {} bytes on {}", bytes, name_));
  const std::shared_ptr<MemoryTally> tally = MemoryTally::current();
  if (tally != nullptr) tally->add(bytes);
  return {reinterpret_cast<std::byte*>(address), [this, tally, bytes](std::byte* memory) {
            const Scope in(*this);
            driver_.cuMemFree(as_device(memory));
            if (tally != nullptr) tally->remove(bytes);
          }};
}

std::shared_ptr<std::byte> CudaDevice::allocate_host(size_t bytes) {
  const Scope scope(*this);
  void* memory = nullptr;
  check(driver_, driver_.cuMemHostAlloc(&memory, bytes, 0),
        fmt::format("cannot allocate {} bytes of pinned host memory", bytes));
  std::memset(memory, 0, bytes);
  return {static_cast<std::byte*>(memory), [this](std::byte* pinned) {
            const Scope in(*this);
            driver_.cuMemFreeHost(pinned);
          }};
}

std::unique_ptr<DeviceQueue> CudaDevice::make_queue() { return std::make_unique<CudaQueue>(*this); }

size_t CudaDevice::queue_bytes() const { return CudaQueue::kCounters * sizeof(int); }

std::unique_ptr<Kernel> CudaDevice::make_copy(CopyDirection direction, size_t bytes) {
  return std::make_unique<CopyKernel>(*this, direction, bytes);
}

void CudaDevice::read(void* host, const void* device, size_t bytes) {
  if (bytes == 0) return;
  const Scope scope(*this);
  check(driver_, driver_.cuMemcpyDtoH(host, as_device(device), bytes), "cannot read from the GPU");
}

void CudaDevice::write(void* device, const void* host, size_t bytes) {
  if (bytes == 0) return;
  const Scope scope(*this);
  check(driver_, driver_.cuMemcpyHtoD(as_device(device), host, bytes), "cannot write to the GPU");
}

std::optional<std::string> CudaDevice::misplaced(const Buffer& buffer) const {
  if (buffer.byte_size() == 0) return std::nullopt;
  const Scope scope(*this);
  // Of ordinary memory, which the driver does not know, the type stays 0.
  unsigned type = 0;
  int gpu = 0;
  unsigned managed = 0;
  std::array attributes = {CU_POINTER_ATTRIBUTE_MEMORY_TYPE, CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL,
                           CU_POINTER_ATTRIBUTE_IS_MANAGED};
  std::array<void*, 3> answers = {&type, &gpu, &managed};
  check(driver_,
        driver_.cuPointerGetAttributes(static_cast<unsigned>(attributes.size()), attributes.data(),
                                       answers.data(), as_device(buffer.address())),
        "cannot ask what memory an address is in");
  if (type == CU_MEMORYTYPE_DEVICE) {
    if (buffer.memory() == Memory::kCuda && gpu == ordinal_) return std::nullopt;
    if (buffer.memory() == Memory::kHost && managed != 0) return std::nullopt;
    return fmt::format("memory of GPU {}", gpu);
  }
  if (buffer.memory() == Memory::kHost) return std::nullopt;
  if (type != CU_MEMORYTYPE_HOST)
    return "no memory that the CUDA driver knows, such as ordinary host memory";
  if (buffer.memory() == Memory::kPinned) return std::nullopt;
  return "pinned host memory";
}

std::shared_ptr<std::byte> CudaDevice::upload(const void* host, size_t bytes) {
  std::shared_ptr<std::byte> memory = allocate(bytes);
  write(memory.get(), host, bytes);
  return memory;
}

CUmodule CudaDevice::module_of(std::string_view wanted) {
  if (const auto known = modules_.find(wanted); known != modules_.end()) return known->second;
  const auto image = std::ranges::find(images_, wanted, &Image::name);
  TENDON_ASSERT(image != images_.end());
  CUmodule module = nullptr;
  const CUresult result = driver_.cuModuleLoadData(&module, image->code);
  if (result == CUDA_ERROR_NO_BINARY_FOR_GPU || result == CUDA_ERROR_INVALID_IMAGE) {
    fail(ErrorKind::kUnsupported,
         "{} has architecture sm_{}, this build has kernels for [{}]; build Tendon with "
         "-DTENDON_CUDA_ARCHITECTURES={}",
         name_, architecture_, built_architectures(), architecture_);
  }
  check(driver_, result, fmt::format("cannot load the kernels of {}", wanted));
  modules_.emplace(wanted, module);
  return module;
}

CUfunction CudaDevice::function(std::string_view image, std::string_view wanted) {
  const std::lock_guard lock(mutex_);
  const std::string key = fmt::format("{}/{}", image, wanted);
  if (const auto known = functions_.find(key); known != functions_.end()) return known->second;
  const Scope scope(*this);
  const std::string text(wanted);
  CUfunction found = nullptr;
  check(driver_, driver_.cuModuleGetFunction(&found, module_of(image), text.c_str()),
        fmt::format("no kernel '{}' in '{}'", wanted, image));
  // What it declares itself counts against the same limit.
  int declared = 0;
  check(driver_, driver_.cuFuncGetAttribute(&declared, CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES, found),
        "cannot ask for the kernel's memory");
  check(driver_,
        driver_.cuFuncSetAttribute(found, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                                   shared_bytes_ - declared),
        "cannot give the kernel its memory");
  functions_.emplace(key, found);
  return found;
}

int CudaDevice::clusters_at_once(int blocks, CUfunction kernel, unsigned threads) {
  const std::lock_guard lock(mutex_);
  if (const auto known = clusters_.find(blocks); known != clusters_.end()) return known->second;
  CUlaunchAttribute attribute{};
  attribute.id = CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION;
  attribute.value.clusterDim = {1, 1, static_cast<unsigned>(blocks)};
  CUlaunchConfig config{};
  config.gridDimX = static_cast<unsigned>(multiprocessors_);
  config.gridDimY = 1;
  config.gridDimZ = static_cast<unsigned>(blocks);
  config.blockDimX = threads;
  config.blockDimY = 1;
  config.blockDimZ = 1;
  config.sharedMemBytes = static_cast<unsigned>(shared_bytes_ - 4096);
  config.attrs = &attribute;
  config.numAttrs = 1;
  int found = 0;
  const Scope scope(*this);
  check(driver_, driver_.cuOccupancyMaxActiveClusters(&found, kernel, &config),
        "cannot ask how many clusters run at once");
  clusters_.emplace(blocks, found);
  return found;
}

void CudaDevice::launch(const Launch& launch, void* parameters, DeviceQueue& queue) {
  std::array<CUlaunchAttribute, 2> attributes{};
  attributes[0].id = CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION;
  attributes[0].value.programmaticStreamSerializationAllowed = 1;
  attributes[1].id = CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION;
  attributes[1].value.clusterDim = {1, launch.cluster_y, launch.cluster};
  CUlaunchConfig config{};
  config.gridDimX = launch.grid.x;
  config.gridDimY = launch.grid.y;
  config.gridDimZ = launch.grid.z;
  config.blockDimX = launch.threads;
  config.blockDimY = 1;
  config.blockDimZ = 1;
  config.sharedMemBytes = launch.shared_bytes;
  config.hStream = static_cast<CudaQueue&>(queue).stream();
  config.attrs = attributes.data();
  config.numAttrs = architecture_ < 90 ? 0 : launch.cluster * launch.cluster_y == 1 ? 1 : 2;
  const Scope scope(*this);
  check(driver_, driver_.cuLaunchKernelEx(&config, launch.function, &parameters, nullptr),
        "cannot start the kernel");
}

}  // namespace tendon::cuda
