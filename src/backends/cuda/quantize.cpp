// QuantizeLinear and DequantizeLinear by one scale without a zero point.
#include <algorithm>

#include "backends/cuda/kernels.h"
#include "backends/cuda/quantize_parameters.h"
#include "backends/cuda/support.h"

namespace tendon::cuda {
namespace {

class QuantizeKernel final : public CudaKernel {
 public:
  QuantizeKernel(const KernelRequest& request, const QuantizeParameters& parameters,
                 std::string_view function)
      : CudaKernel(request), parameters_(parameters), x_(request, 0) {
    constexpr int64_t kAtOnce = 8;
    launch_ = launch_for(device_.function(image_of("quantize", request), function),
                         divide_up(parameters.count, kAtOnce));
  }
  void run(const KernelArguments& arguments) const override {
    QuantizeParameters p = parameters_;
    p.x = x_.in(arguments);
    p.y = arguments.outputs[0];
    launch(launch_, p, arguments);
  }

 private:
  QuantizeParameters parameters_;
  Source x_;
  Launch launch_;
};

Offer make_conversion(const KernelRequest& request, std::string_view function) {
  const DataType x = request.inputs[0].type.dtype;
  const DataType y = request.outputs[0].dtype;
  if (!has_element_type(x) || !has_element_type(y) || is_codes(x) == is_codes(y)) {
    return decline(
        "needs float32, float16 or bfloat16 on one side and int8 or uint8 on the other, got {} "
        "and {}",
        x, y);
  }
  const Tensor* const scale = request.inputs[1].value;
  if (scale == nullptr || scale->size() != 1) {
    return decline("needs one constant scale, got {}", request.inputs[1].type);
  }
  if (request.has_input(2)) {
    const Tensor* const zero = request.inputs[2].value;
    const auto is_zero = [](int64_t value) { return value == 0; };
    if (zero == nullptr || !std::ranges::all_of(to_int64s(*zero), is_zero)) {
      return decline("needs a zero point of 0");
    }
  }
  QuantizeParameters p{};
  p.count = request.outputs[0].shape.element_count();
  if (p.count == 0) return decline("has nothing to compute");
  p.x_type = element_type(x);
  p.y_type = element_type(y);
  p.scale = static_cast<float>(to_doubles(*scale)[0]);
  return std::make_unique<QuantizeKernel>(request, p, function);
}

}  // namespace

Offer make_quantize(const QuantizeLinear&, const KernelRequest& request) {
  return make_conversion(request, "quantize");
}
Offer make_dequantize(const DequantizeLinear&, const KernelRequest& request) {
  return make_conversion(request, "dequantize");
}

}  // namespace tendon::cuda
