// LayerNormalizationMatMul: a warp normalises a row for each few of its columns.
#include "backends/cuda/kernels.h"
#include "backends/cuda/norm_dot_parameters.h"
#include "backends/cuda/support.h"

namespace tendon::cuda {
namespace {

class NormDotKernel final : public CudaKernel {
 public:
  NormDotKernel(const KernelRequest& request, const NormDotParameters& parameters)
      : CudaKernel(request), parameters_(parameters), x_(request, 0), bias_(request, 2) {
    constexpr size_t kScale = LayerNormalizationMatMul::kScale;
    scale_ = Source(request, kScale);
    shift_ = Source(request, kScale + 1);
    const Tensor columns = Transpose{.perm = {1, 0}}.reference({request.inputs[1].value, 1})[0];
    weight_bytes_ = columns.byte_size();
    weights_ = device_.upload(columns.raw(), weight_bytes_);
    constexpr int64_t kWarp = 32;
    constexpr int64_t kShortRow = 512;
    const auto suffix = suffix_of(request.inputs[0].type.dtype);
    const std::string name =
        fmt::format("norm_dot_{}{}", parameters.width <= kShortRow ? "" : "long_", suffix);
    launch_ = launch_for(device_.function(image_of("norm_dot", request), name),
                         int64_t{parameters.rows} * parameters.row_warps * kWarp, kNormDotThreads);
  }
  void run(const KernelArguments& arguments) const override {
    NormDotParameters p = parameters_;
    p.x = x_.in(arguments);
    p.weights = reinterpret_cast<const float*>(weights_.get());
    p.bias = static_cast<const float*>(bias_.in(arguments));
    p.scale = static_cast<const float*>(scale_.in(arguments));
    p.shift = static_cast<const float*>(shift_.in(arguments));
    p.y = static_cast<float*>(arguments.outputs[0]);
    launch(launch_, p, arguments);
  }
  size_t packed_bytes() const override {
    return weight_bytes_ + bias_.bytes() + scale_.bytes() + shift_.bytes();
  }

 private:
  NormDotParameters parameters_;
  Source x_, bias_, scale_, shift_;
  std::shared_ptr<std::byte> weights_;
  size_t weight_bytes_ = 0;
  Launch launch_;
};

}  // namespace

Offer make_norm_dot(const LayerNormalizationMatMul& op, const KernelRequest& request) {
  const TensorType& x = request.inputs[0].type;
  const TensorType& y = request.outputs[0];
  if (suffix_of(x.dtype).empty() || y.dtype != DataType::kFloat32) {
    return decline("needs float32 or float16 rows and float32 constants, got {} and {}", x.dtype,
                   y.dtype);
  }
  // They are read while the layer before still runs.
  for (const Argument& input : request.inputs.subspan(1)) {
    if (input.present && input.value == nullptr) return decline("needs constants beside its rows");
  }
  const int64_t width = x.shape.back();
  if (y.shape.element_count() == 0 || width == 0) return decline("has nothing to compute");
  if (width > op.kMostWidth || width % op.kWidthStep != 0) {
    return decline("needs rows of a multiple of {} up to {} elements, got {}", op.kWidthStep,
                   op.kMostWidth, width);
  }
  if (auto declined = unless_small(request)) return *declined;
  NormDotParameters p{};
  p.columns = static_cast<int>(y.shape.back());
  p.rows = static_cast<int>(y.shape.element_count() / p.columns);
  p.width = static_cast<int>(width);
  p.row_warps = static_cast<int>(divide_up(p.columns, kNormDotColumns));
  p.share = 1.0F / static_cast<float>(width);
  p.norms = request.has_input(op.kScale) ? 2 : 1;
  p.epsilon[0] = op.epsilon;
  p.epsilon[1] = op.first_epsilon;
  return std::make_unique<NormDotKernel>(request, p);
}

}  // namespace tendon::cuda
