// FusedConv with 7x7 windows and stride 2 over images of few channels, in float16.
#include "backends/cuda/kernels.h"
#include "backends/cuda/stem_parameters.h"
#include "backends/cuda/support.h"

namespace tendon::cuda {
namespace {

constexpr int64_t kStemTaps = 7;
constexpr int64_t kPackedColumns = 8;
constexpr int64_t kPackedChannels = 4;

std::vector<uint16_t> pack_weight(const Tensor& weight, int64_t outputs, int64_t channels) {
  const auto* const from = static_cast<const uint16_t*>(weight.raw());
  const int64_t rows = divide_up(outputs, kStemOutputs) * kStemOutputs;
  std::vector<uint16_t> packed(
      static_cast<size_t>(rows * kStemTaps * kPackedColumns * kPackedChannels));
  for (int64_t n = 0; n < outputs; ++n) {
    for (int64_t y = 0; y < kStemTaps; ++y) {
      for (int64_t x = 0; x < kStemTaps; ++x) {
        for (int64_t c = 0; c < channels; ++c) {
          const int64_t to = ((n * kStemTaps + y) * kPackedColumns + x) * kPackedChannels + c;
          packed[static_cast<size_t>(to)] =
              from[((n * channels + c) * kStemTaps + y) * kStemTaps + x];
        }
      }
    }
  }
  return packed;
}

class StemKernel final : public CudaKernel {
 public:
  StemKernel(const KernelRequest& request, const StemParameters& parameters)
      : CudaKernel(request), parameters_(parameters), x_(request, 0), bias_(request, 2) {
    const StemParameters& p = parameters_;
    const std::vector<uint16_t> packed =
        pack_weight(*request.inputs[1].value, p.outputs, p.channels);
    weight_bytes_ = packed.size() * sizeof(uint16_t);
    weight_ = device_.upload(packed.data(), weight_bytes_);
    launch_ = {device_.function("stem", "stem_f16"),
               {static_cast<unsigned>(divide_up(p.out_width, kStemColumns)),
                static_cast<unsigned>(divide_up(p.out_height, kStemRows)),
                static_cast<unsigned>(p.batch * divide_up(p.outputs, kStemOutputs))},
               kStemThreads,
               kStemSharedBytes};
  }
  size_t packed_bytes() const override { return weight_bytes_ + bias_.bytes(); }
  void run(const KernelArguments& arguments) const override {
    StemParameters p = parameters_;
    p.x = x_.in(arguments);
    p.weight = weight_.get();
    p.bias = bias_.in(arguments);
    p.y = arguments.outputs[0];
    launch(launch_, p, arguments);
  }

 private:
  StemParameters parameters_;
  Source x_, bias_;
  std::shared_ptr<std::byte> weight_;
  size_t weight_bytes_ = 0;
  Launch launch_;
};

}  // namespace

Offer make_patch_stem(const FusedConv& op, const KernelRequest& request) {
  if (auto declined = unless_floating(request)) return *declined;
  if (request.outputs[0].dtype != DataType::kFloat16) return decline("needs float16");
  const Shape& x = request.input_shape(0);
  if (!op.channels_last || op.group != 1 || x.rank() != 4) {
    return decline("needs channels-last images with two spatial axes and one group, got {}", x);
  }
  if (request.inputs[1].value == nullptr) return decline("needs a constant weight");
  if (request.has_input(3)) return decline("adds no residual");
  if (x[3] > kPackedChannels) {
    return decline("needs at most {} channels, got {}", kPackedChannels, x[3]);
  }
  const auto axes = op.axes(x, request.input_shape(1));
  for (const WindowAxis& axis : axes) {
    if (axis.kernel != kStemTaps || axis.stride != 2 || axis.dilation != 1) {
      return decline("needs 7x7 windows with stride 2");
    }
  }
  const Shape& y = request.outputs[0].shape;
  if (y.element_count() == 0 || y[3] % 8 != 0) {
    return decline("needs a multiple of 8 output channels, got {}", y[3]);
  }
  const auto as_int = [](int64_t value) { return static_cast<int>(value); };
  StemParameters p{};
  p.batch = as_int(x[0]);
  p.height = as_int(x[1]);
  p.width = as_int(x[2]);
  p.channels = as_int(x[3]);
  p.out_height = as_int(y[1]);
  p.out_width = as_int(y[2]);
  p.outputs = as_int(y[3]);
  p.pad_h = as_int(axes[0].pad_begin);
  p.pad_w = as_int(axes[1].pad_begin);
  p.activation = static_cast<int>(op.activation);
  return std::make_unique<StemKernel>(request, p);
}

}  // namespace tendon::cuda
