// NormalizedMatMul as a product and a LayerNormalization, one after the other.
#include "backends/cuda/kernels.h"
#include "backends/cuda/two_steps.h"

namespace tendon::cuda {
namespace {

Offer make_any_product(const FusedMatMul& op, const KernelRequest& request) {
  Offer offer;
  for (const auto make : {make_wgmma_matmul, make_matmul, make_product}) {
    offer = make(op, request);
    if (std::holds_alternative<std::unique_ptr<Kernel>>(offer)) break;
  }
  return offer;
}

}  // namespace

Offer make_normalized_matmul(const NormalizedMatMul& op, const KernelRequest& request) {
  constexpr size_t kScale = NormalizedMatMul::kScale;
  KernelRequest product = request;
  product.inputs = request.inputs.first(kScale);
  Offer first = make_any_product(op.product(), product);
  if (auto* declined = std::get_if<Declined>(&first)) return std::move(*declined);
  std::vector<Argument> inputs{{request.outputs[0], nullptr, true}};
  inputs.insert(inputs.end(), request.inputs.begin() + kScale, request.inputs.end());
  KernelRequest norm = request;
  norm.inputs = inputs;
  Offer second = make_layer_norm(op.norm(), norm);
  if (auto* declined = std::get_if<Declined>(&second)) return std::move(*declined);
  return std::make_unique<TwoSteps>(request, request.outputs[0], kScale,
                                    std::get<std::unique_ptr<Kernel>>(std::move(first)),
                                    std::get<std::unique_ptr<Kernel>>(std::move(second)));
}

}  // namespace tendon::cuda
