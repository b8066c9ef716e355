// One row for each backend and device; the only place that knows which are built in.
#include "backends/registry.h"

#include <array>
#include <charconv>

#include "backends/reference/reference.h"
#ifdef TENDON_ONEDNN
#include "backends/cpu/backend.h"
#endif
#ifdef TENDON_CUDA
#include "backends/cuda/backend.h"
#endif

namespace tendon {
namespace {

std::vector<Backend*> host_backends() {
  return {
#ifdef TENDON_ONEDNN
      &cpu_backend(),
#endif
      &reference_backend()};
}

/// Of "cuda" or "cuda:N".
int gpu_of(std::string_view device) {
  const std::string_view text = device == "cuda" ? "0" : device.substr(5);
  int number = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0 || number > 255) {
    fail(ErrorKind::kUsage, "device '{}' has no GPU number from 0 to 255 behind 'cuda:'", device);
  }
  return number;
}

}  // namespace

std::span<Backend* const> all_backends() {
  static const std::vector<Backend*> kBackends = [] {
    std::vector<Backend*> backends = host_backends();
#ifdef TENDON_CUDA
    backends.insert(backends.begin(), &cuda_backend());
#endif
    return backends;
  }();
  return kBackends;
}

std::optional<std::string> without_bfloat16(std::string_view device) {
  return backends_for_device(device).front()->without_bfloat16();
}

GpuState find_gpu() {
#ifdef TENDON_CUDA
  Backend& backend = cuda_backend();
  if (const auto reason = backend.unavailable()) return {false, *reason};
  return {true, backend.fingerprint()};
#else
  return {false, "this build has no CUDA backend"};
#endif
}

std::vector<Backend*> backends_for_device(std::string_view device) {
  if (device == "reference") return {&reference_backend()};
  if (device == "cpu") return host_backends();
  if (device == "cuda" || device.starts_with("cuda:")) {
    const int gpu = gpu_of(device);
#ifdef TENDON_CUDA
    Backend& backend = cuda_backend(gpu);
    if (const auto reason = backend.unavailable()) {
      fail(ErrorKind::kUnsupported, "device '{}' is not available: {}; or build for 'cpu'", device,
           *reason);
    }
    std::vector<Backend*> backends = host_backends();
    backends.insert(backends.begin(), &backend);
    return backends;
#else
    fail(ErrorKind::kUnsupported,
         "device 'cuda:{}' is not available: this build has no CUDA backend; build Tendon with "
         "-DTENDON_CUDA=ON or build for 'cpu'",
         gpu);
#endif
  }
  fail(ErrorKind::kUsage, "unknown device '{}', expected 'cpu', 'cuda', 'cuda:N' or 'reference'",
       device);
}

}  // namespace tendon
