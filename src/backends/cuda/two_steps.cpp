#include "backends/cuda/two_steps.h"

#include <algorithm>
#include <array>

namespace tendon::cuda {
namespace {

constexpr size_t kMostInputs = 3;

}  // namespace

TwoSteps::TwoSteps(const KernelRequest& request, const TensorType& between, size_t second_input,
                   std::unique_ptr<Kernel> first, std::unique_ptr<Kernel> second)
    : CudaKernel(request),
      second_input_(second_input),
      first_(std::move(first)),
      second_(std::move(second)) {
  TENDON_ASSERT(request.inputs.size() < second_input + kMostInputs);
  const int64_t bytes =
      between.shape.element_count() * static_cast<int64_t>(size_of(between.dtype));
  between_bytes_ = static_cast<size_t>(divide_up(bytes, 256) * 256);
}

size_t TwoSteps::workspace_bytes() const {
  return between_bytes_ + std::max(first_->workspace_bytes(), second_->workspace_bytes());
}

void TwoSteps::run(const KernelArguments& arguments) const {
  void* const between = arguments.workspace;
  const size_t split = std::min(second_input_, arguments.inputs.size());
  KernelArguments first = arguments;
  first.inputs = arguments.inputs.first(split);
  first.outputs = {&between, 1};
  first.workspace = arguments.workspace + between_bytes_;
  first_->run(first);
  std::array<const void*, kMostInputs> inputs = {between};
  std::ranges::copy(arguments.inputs.subspan(split), inputs.begin() + 1);
  KernelArguments second = first;
  second.inputs = inputs;
  second.outputs = arguments.outputs;
  second.inputs_pending = true;
  second_->run(second);
}

}  // namespace tendon::cuda
