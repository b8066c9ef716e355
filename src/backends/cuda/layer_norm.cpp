// LayerNormalization, AddLayerNormalization and QuantizedLayerNormalization.
#include "backends/cuda/kernels.h"
#include "backends/cuda/layer_norm_parameters.h"
#include "backends/cuda/support.h"

namespace tendon::cuda {
namespace {

class LayerNormKernel final : public CudaKernel {
 public:
  LayerNormKernel(const KernelRequest& request, const LayerNormParameters& parameters, Source x,
                  Source residual, Source scale, Source bias)
      : CudaKernel(request),
        parameters_(parameters),
        x_(std::move(x)),
        residual_(std::move(residual)),
        scale_(std::move(scale)),
        bias_(std::move(bias)) {
    constexpr unsigned kRowThreads = 32;
    const auto suffix = suffix_of(request.outputs[0].dtype);
    launch_ = launch_for(
        device_.function(image_of("layer_norm", request), fmt::format("layer_norm_{}", suffix)),
        int64_t{parameters.rows} * kRowThreads, 4 * kRowThreads);
  }
  int in_place_input() const override { return 0; }
  void run(const KernelArguments& arguments) const override {
    LayerNormParameters p = parameters_;
    p.x = x_.in(arguments);
    p.residual = residual_.in(arguments);
    p.scale = scale_.in(arguments);
    p.bias = bias_.in(arguments);
    p.y = arguments.outputs[0];
    p.codes = arguments.outputs.size() > 1 ? arguments.outputs[1] : nullptr;
    launch(launch_, p, arguments);
  }

 private:
  LayerNormParameters parameters_;
  Source x_, residual_, scale_, bias_;
  Launch launch_;
};

/// `codes_scale` is that of the second output where there is one.
Offer make(const KernelRequest& request, int64_t axis, float epsilon, size_t residual, size_t scale,
           float codes_scale = 1) {
  if (auto declined = unless_floating(request)) return *declined;
  const Shape& shape = request.input_shape(0);
  const int first = normalize_axis(axis, shape.rank());
  int64_t width = 1;
  for (int i = first; i < shape.rank(); ++i) width *= shape[i];
  if (width == 0 || shape.element_count() == 0) return decline("has nothing to compute");
  LayerNormParameters p{};
  for (const size_t i : {scale, scale + 1}) {
    if (request.has_input(i) && request.input_shape(i).element_count() != width) {
      return decline("needs scale and bias of {} elements, got {}", width, request.input_shape(i));
    }
  }
  p.width = static_cast<int>(width);
  p.rows = static_cast<int>(shape.element_count() / width);
  p.epsilon = epsilon;
  p.codes_per_unit = 1 / codes_scale;
  p.codes_signed = request.outputs.size() > 1 && request.outputs[1].dtype == DataType::kInt8;
  return std::make_unique<LayerNormKernel>(request, p, Source(request, 0),
                                           residual == 0 ? Source() : Source(request, residual),
                                           Source(request, scale), Source(request, scale + 1));
}

}  // namespace

Offer make_layer_norm(const LayerNormalization& op, const KernelRequest& request) {
  if (request.outputs.size() > 1)
    return decline("gives one output, asked for {}", request.outputs.size());
  return make(request, op.axis, op.epsilon, 0, 1);
}

Offer make_quantized_layer_norm(const QuantizedLayerNormalization& op,
                                const KernelRequest& request) {
  return make(request, op.axis, op.epsilon, 0, 1, op.y_scale);
}

Offer make_add_layer_norm(const AddLayerNormalization& op, const KernelRequest& request) {
  return make(request, op.axis, op.epsilon, 1, 2);
}

}  // namespace tendon::cuda
