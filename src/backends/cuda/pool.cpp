// MaxPool by the kernels of pool.cu.
#include "backends/cuda/kernels.h"
#include "backends/cuda/pool_parameters.h"
#include "backends/cuda/support.h"

namespace tendon::cuda {
namespace {

class MaxPoolKernel final : public CudaKernel {
 public:
  MaxPoolKernel(const KernelRequest& request, const MaxPoolParameters& parameters)
      : CudaKernel(request), parameters_(parameters), x_(request, 0) {
    const DataType dtype = request.inputs[0].type.dtype;
    const auto pack = static_cast<int64_t>(16 / size_of(dtype));
    const std::string_view suffix = dtype == DataType::kUInt8  ? "u8"
                                    : dtype == DataType::kInt8 ? "s8"
                                                               : suffix_of(dtype);
    const bool rounds = dtype != request.outputs[0].dtype;
    launch_ =
        launch_for(device_.function(image_of("pool", request),
                                    fmt::format("max_pool_{}{}", suffix, rounds ? "_codes" : "")),
                   request.outputs[0].shape.element_count() / pack);
  }
  void run(const KernelArguments& arguments) const override {
    MaxPoolParameters p = parameters_;
    p.x = x_.in(arguments);
    p.y = arguments.outputs[0];
    launch(launch_, p, arguments);
  }

 private:
  MaxPoolParameters parameters_;
  Source x_;
  Launch launch_;
};

/// Codes of floats by `codes_scale` where the result is of another type.
Offer make_pool(const MaxPool& op, const KernelRequest& request, float codes_scale) {
  const DataType dtype = request.inputs[0].type.dtype;
  if (!has_element_type(dtype)) {
    return decline("needs float32, float16, bfloat16, int8 or uint8, got {}", dtype);
  }
  if (auto declined = unless_small(request)) return *declined;
  const Shape& x = request.input_shape(0);
  const Shape& y = request.outputs[0].shape;
  if (!op.channels_last || x.rank() != 4) {
    return decline("needs channels-last images with two spatial axes, got {}", x);
  }
  const auto pack = static_cast<int64_t>(16 / size_of(dtype));
  if (x[3] == 0 || x[3] % pack != 0) {
    return decline("needs a multiple of {} channels, got {}", pack, x[3]);
  }
  if (y.element_count() == 0) return decline("has nothing to compute");
  const auto axes = window_axes(op, x.dims().subspan(1, 2), op.kernel_shape, op.ceil_mode);
  const auto as_int = [](int64_t value) { return static_cast<int>(value); };
  MaxPoolParameters p{};
  p.codes_per_unit = 1 / codes_scale;
  p.codes_signed = request.outputs[0].dtype == DataType::kInt8;
  p.batch = as_int(x[0]);
  p.channels = as_int(x[3]);
  p.height = as_int(x[1]);
  p.width = as_int(x[2]);
  p.out_height = as_int(y[1]);
  p.out_width = as_int(y[2]);
  p.kernel_h = as_int(axes[0].kernel);
  p.kernel_w = as_int(axes[1].kernel);
  p.stride_h = as_int(axes[0].stride);
  p.stride_w = as_int(axes[1].stride);
  p.pad_h = as_int(axes[0].pad_begin);
  p.pad_w = as_int(axes[1].pad_begin);
  p.dilation_h = as_int(axes[0].dilation);
  p.dilation_w = as_int(axes[1].dilation);
  return std::make_unique<MaxPoolKernel>(request, p);
}

}  // namespace

Offer make_max_pool(const MaxPool& op, const KernelRequest& request) {
  if (request.outputs.size() > 1) return decline("gives no places");
  return make_pool(op, request, 1);
}

Offer make_max_pool_codes(const MaxPool& op, const KernelRequest& request, float codes_scale) {
  return make_pool(op, request, codes_scale);
}

}  // namespace tendon::cuda
