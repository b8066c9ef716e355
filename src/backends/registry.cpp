// One row for each backend and device; the only place that knows which are built in.
#include "backends/registry.h"

#include <array>

#include "backends/reference/reference.h"
#ifdef TENDON_ONEDNN
#include "backends/cpu/backend.h"
#endif

namespace tendon {

std::span<Backend* const> all_backends() {
  static const std::array kBackends = {
#ifdef TENDON_ONEDNN
      &cpu_backend(),
#endif
      &reference_backend(),
  };
  return kBackends;
}

std::vector<Backend*> backends_for_device(std::string_view device) {
  if (device == "reference") return {&reference_backend()};
  if (device == "cpu") {
    const auto all = all_backends();
    return {all.begin(), all.end()};
  }
  if (device == "cuda" || device.starts_with("cuda:")) {
    fail(ErrorKind::kUnsupported,
         "device '{}' is not available: this build has no CUDA backend; use 'cpu'", device);
  }
  fail(ErrorKind::kUsage, "unknown device '{}', expected 'cpu', 'cuda', 'cuda:N' or 'reference'",
       device);
}

}  // namespace tendon
