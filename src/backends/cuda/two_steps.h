// An operator that two kernels compute, one after the other.
#pragma once

#include "backends/cuda/support.h"

namespace tendon::cuda {

/// The first kernel's result, of type `between`, is the second's first input. The first one reads
/// the inputs before `second_input`, the second one those from there on.
class TwoSteps final : public CudaKernel {
 public:
  TwoSteps(const KernelRequest& request, const TensorType& between, size_t second_input,
           std::unique_ptr<Kernel> first, std::unique_ptr<Kernel> second);

  size_t workspace_bytes() const override;
  size_t packed_bytes() const override { return first_->packed_bytes() + second_->packed_bytes(); }
  std::string detail() const override { return first_->detail(); }
  void run(const KernelArguments& arguments) const override;

 private:
  size_t second_input_;
  size_t between_bytes_;
  std::unique_ptr<Kernel> first_, second_;
};

}  // namespace tendon::cuda
