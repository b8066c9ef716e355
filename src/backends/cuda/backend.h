// The cuda backend: one NVIDIA GPU with this folder's kernels.
#pragma once

#include "backends/cuda/device.h"
#include "engine/kernel.h"

namespace tendon::cuda {

class CudaBackend final : public Backend {
 public:
  /// Without a driver, or with one that does not do, the backend is unavailable and says why.
  CudaBackend(std::variant<Driver, std::string> driver, int ordinal,
              std::span<const Image> images = built_images());

  std::string_view name() const override { return "cuda"; }
  std::optional<std::string> unavailable() const override;
  std::optional<std::string> without_bfloat16() const override { return std::nullopt; }
  std::span<const KernelRow> kernels() const override;
  std::string fingerprint() const override;
  Device* device() override { return device_.get(); }

 private:
  std::string problem_;
  std::unique_ptr<CudaDevice> device_;
};

}  // namespace tendon::cuda

namespace tendon {

/// The backend of GPU `ordinal`, made at the first call.
Backend& cuda_backend(int ordinal = 0);

}  // namespace tendon
