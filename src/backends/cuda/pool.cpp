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
    const DataType dtype = request.outputs[0].dtype;
    const auto pack = static_cast<int64_t>(16 / size_of(dtype));
    launch_ = launch_for(device_.function("pool", fmt::format("max_pool_{}", suffix_of(dtype))),
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

}  // namespace

Offer make_max_pool(const MaxPool& op, const KernelRequest& request) {
  if (auto declined = unless_floating(request)) return *declined;
  const Shape& x = request.input_shape(0);
  const Shape& y = request.outputs[0].shape;
  if (!op.channels_last || x.rank() != 4) {
    return decline("needs channels-last images with two spatial axes, got {}", x);
  }
  const auto pack = static_cast<int64_t>(16 / size_of(request.outputs[0].dtype));
  if (x[3] == 0 || x[3] % pack != 0) {
    return decline("needs a multiple of {} channels, got {}", pack, x[3]);
  }
  if (y.element_count() == 0) return decline("has nothing to compute");
  const auto axes = window_axes(op, x.dims().subspan(1, 2), op.kernel_shape, op.ceil_mode);
  const auto as_int = [](int64_t value) { return static_cast<int>(value); };
  MaxPoolParameters p{};
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

}  // namespace tendon::cuda
