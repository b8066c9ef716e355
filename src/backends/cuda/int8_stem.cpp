// QuantizedImageConv by the kernels of int8_stem.cu.
#include "backends/cuda/gemm.h"
#include "backends/cuda/int8_stem_parameters.h"
#include "backends/cuda/kernels.h"

namespace tendon::cuda {
namespace {

constexpr int64_t kInt8StemTaps = 7;

/// [outputs rounded up][7][8][4] of [outputs][channels][7][7].
std::vector<std::byte> packed_codes(const Tensor& weight) {
  constexpr int64_t kColumns = 8;
  constexpr int64_t kChannels = 4;
  const int64_t outputs = weight.shape()[0];
  const int64_t channels = weight.shape()[1];
  const auto from = weight.data<int8_t>();
  const int64_t rows = divide_up(outputs, kInt8StemOutputs) * kInt8StemOutputs;
  std::vector<std::byte> packed(static_cast<size_t>(rows * kInt8StemTaps * kColumns * kChannels));
  for (int64_t n = 0; n < outputs; ++n) {
    for (int64_t c = 0; c < channels; ++c) {
      for (int64_t y = 0; y < kInt8StemTaps; ++y) {
        for (int64_t x = 0; x < kInt8StemTaps; ++x) {
          const int64_t to = ((n * kInt8StemTaps + y) * kColumns + x) * kChannels + c;
          const int64_t place = ((n * channels + c) * kInt8StemTaps + y) * kInt8StemTaps + x;
          packed[static_cast<size_t>(to)] =
              static_cast<std::byte>(from[static_cast<size_t>(place)]);
        }
      }
    }
  }
  return packed;
}

class Int8StemKernel final : public CudaKernel {
 public:
  Int8StemKernel(const KernelRequest& request, const Int8StemParameters& parameters)
      : CudaKernel(request),
        parameters_(parameters),
        x_(request, 0),
        scale_(request, 2),
        bias_(request, 3) {
    const std::vector<std::byte> packed = packed_codes(*request.inputs[1].value);
    weight_bytes_ = packed.size();
    weight_ = device_.upload(packed.data(), weight_bytes_);
    const auto& p = parameters;
    const bool bytes = request.inputs[0].type.dtype == DataType::kUInt8;
    name_ = bytes ? "int8_stem_u8" : "int8_stem_f32";
    launch_ = {device_.function("int8_stem", name_),
               {static_cast<unsigned>(divide_up(p.pool_width, kInt8StemColumns)),
                static_cast<unsigned>(divide_up(p.pool_height, kInt8StemRows)),
                static_cast<unsigned>(p.batch * divide_up(p.outputs, kInt8StemOutputs))},
               kInt8StemThreads,
               kInt8StemSharedBytes};
  }
  size_t packed_bytes() const override { return weight_bytes_ + scale_.bytes() + bias_.bytes(); }
  std::string detail() const override { return name_; }
  void run(const KernelArguments& arguments) const override {
    Int8StemParameters p = parameters_;
    p.x = x_.in(arguments);
    p.weight = weight_.get();
    p.scale = static_cast<const float*>(scale_.in(arguments));
    p.bias = static_cast<const float*>(bias_.in(arguments));
    p.y = arguments.outputs[0];
    p.inputs_pending = arguments.inputs_pending;
    launch(launch_, p, arguments);
  }

 private:
  Int8StemParameters parameters_;
  Source x_, scale_, bias_;
  std::string name_;
  std::shared_ptr<std::byte> weight_;
  size_t weight_bytes_ = 0;
  Launch launch_;
};

}  // namespace

Offer make_int8_stem(const QuantizedImageConv& op, const KernelRequest& request) {
  constexpr int64_t kMostChannels = 3;
  constexpr int64_t kOutputsAtOnce = 16;
  const Shape& x = request.input_shape(0);
  const Shape& weight = request.input_shape(1);
  const Shape& y = request.outputs[0].shape;
  if (request.inputs[1].value == nullptr || request.inputs[2].value == nullptr) {
    return decline("needs a constant weight and scale");
  }
  if (request.has_input(3) && request.inputs[3].type.dtype != DataType::kFloat32) {
    return decline("needs a float32 bias, got {}", request.inputs[3].type);
  }
  if (op.activation == Activation::kGelu) return decline("computes no Gelu");
  if (weight[1] > kMostChannels + 1) {
    return decline("needs at most {} channels, got {}", kMostChannels, weight[1] - 1);
  }
  if (y.element_count() == 0 || y[3] % kOutputsAtOnce != 0) {
    return decline("needs a multiple of {} output channels, got {}", kOutputsAtOnce, y[3]);
  }
  if (auto declined = unless_small(request)) return *declined;
  const Shape images = op.codes(x);
  const auto axes = op.conv().plain().axes(images, weight);
  for (const WindowAxis& axis : axes) {
    if (axis.kernel != kInt8StemTaps || axis.stride != 2 || axis.dilation != 1) {
      return decline("needs 7x7 windows with stride 2");
    }
  }
  const auto as_int = [](int64_t value) { return static_cast<int>(value); };
  Int8StemParameters p{};
  p.steps = image_steps(images[3] - 1, images[1], images[2], op.channels_last);
  p.offset = op.offset;
  p.codes_of_x = 1 / op.x_scale;
  p.inside = as_int(op.inside);
  p.batch = as_int(images[0]);
  p.height = as_int(images[1]);
  p.width = as_int(images[2]);
  p.channels = as_int(images[3] - 1);
  p.out_height = as_int(axes[0].output);
  p.out_width = as_int(axes[1].output);
  p.outputs = as_int(y[3]);
  p.pool_height = as_int(y[1]);
  p.pool_width = as_int(y[2]);
  p.pad_h = as_int(axes[0].pad_begin);
  p.pad_w = as_int(axes[1].pad_begin);
  p.activation = static_cast<int>(op.activation);
  p.codes_per_unit = 1 / op.y_scale;
  p.codes_signed = op.y_dtype == DataType::kInt8;
  return std::make_unique<Int8StemKernel>(request, p);
}

}  // namespace tendon::cuda
