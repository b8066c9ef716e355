// NormalizedMatMul and QuantizedNormalizedMatMul as a product and a LayerNormalization, one after
// the other.
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

namespace {

/// `product` makes rows of the first output's type out of the inputs before `scale`, which are then
/// normalised.
template <class Product>
Offer make_both(const Product& make_product, const KernelRequest& request, size_t scale,
                float epsilon, float codes_scale) {
  KernelRequest product = request;
  product.inputs = request.inputs.first(scale);
  product.outputs = request.outputs.first(1);
  Offer first = make_product(product);
  if (auto* declined = std::get_if<Declined>(&first)) return std::move(*declined);
  std::vector<Argument> inputs{{request.outputs[0], nullptr, true}};
  inputs.insert(inputs.end(), request.inputs.begin() + static_cast<ptrdiff_t>(scale),
                request.inputs.end());
  KernelRequest norm = request;
  norm.inputs = inputs;
  QuantizedLayerNormalization op;
  op.epsilon = epsilon;
  op.y_scale = codes_scale;
  Offer second = make_quantized_layer_norm(op, norm);
  if (auto* declined = std::get_if<Declined>(&second)) return std::move(*declined);
  return std::make_unique<TwoSteps>(request, request.outputs[0], scale,
                                    std::get<std::unique_ptr<Kernel>>(std::move(first)),
                                    std::get<std::unique_ptr<Kernel>>(std::move(second)));
}

}  // namespace

Offer make_normalized_matmul(const NormalizedMatMul& op, const KernelRequest& request) {
  return make_both(
      [&](const KernelRequest& product) { return make_any_product(op.product(), product); },
      request, NormalizedMatMul::kScale, op.epsilon, op.codes_scale);
}

Offer make_int8_normalized_matmul(const QuantizedNormalizedMatMul& op,
                                  const KernelRequest& request) {
  const QuantizedMatMul product = op.product(request.outputs[0].dtype);
  return make_both(
      [&](const KernelRequest& asked) {
        Offer offer = make_wgmma_int8_matmul(product, asked);
        return std::holds_alternative<Declined>(offer) ? make_int8_matmul(product, asked)
                                                       : std::move(offer);
      },
      request, QuantizedNormalizedMatMul::kNormScale, op.epsilon, op.codes_scale);
}

}  // namespace tendon::cuda
