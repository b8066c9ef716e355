#include "backends/cuda/driver.h"

#include <dlfcn.h>

#include "base/format.h"

namespace tendon::cuda {
namespace {

// Of kernels that this compiler made; drivers of one major version run each other's.
constexpr int kNeededVersion = CUDA_VERSION / 1000 * 1000;

std::string text_of_version(int version) {
  return fmt::format("{}.{}", version / 1000, version % 1000 / 10);
}

}  // namespace

std::variant<Driver, std::string> load_driver(const char* library) {
  void* const handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    return fmt::format(
        "there is no NVIDIA driver on this machine ('{}' cannot be loaded); install the driver of "
        "the GPU",
        library);
  }
  Driver driver;
#define TENDON_CUDA_TEXT(NAME) #NAME
#define TENDON_CUDA_LOAD(NAME)                                                                     \
  driver.NAME = reinterpret_cast<decltype(driver.NAME)>(dlsym(handle, TENDON_CUDA_TEXT(NAME)));    \
  if (driver.NAME == nullptr) {                                                                    \
    return fmt::format(                                                                            \
        "the NVIDIA driver is too old: it has no {}, this build needs CUDA {}; update the driver", \
        TENDON_CUDA_TEXT(NAME), text_of_version(kNeededVersion));                                  \
  }
  TENDON_CUDA_FUNCTIONS(TENDON_CUDA_LOAD)
#undef TENDON_CUDA_LOAD
#undef TENDON_CUDA_TEXT
  return driver;
}

std::string problem_of(const Driver& driver) {
  int version = 0;
  driver.cuDriverGetVersion(&version);
  if (version < kNeededVersion) {
    return fmt::format(
        "the NVIDIA driver is too old: it supports CUDA {}, this build needs {}; update the driver",
        text_of_version(version), text_of_version(kNeededVersion));
  }
  const CUresult result = driver.cuInit(0);
  if (result == CUDA_ERROR_NO_DEVICE) return "the NVIDIA driver finds no GPU on this machine";
  if (result != CUDA_SUCCESS) {
    const char* text = nullptr;
    driver.cuGetErrorString(result, &text);
    return fmt::format("the NVIDIA driver cannot be started: {}", text == nullptr ? "?" : text);
  }
  return {};
}

void check(const Driver& driver, CUresult result, std::string_view what) {
  if (result == CUDA_SUCCESS) return;
  const char* text = nullptr;
  driver.cuGetErrorString(result, &text);
  fail(ErrorKind::kUnsupported, "{}: the CUDA driver says '{}' ({})", what,
       text == nullptr ? "unknown error" : text, static_cast<int>(result));
}

}  // namespace tendon::cuda
