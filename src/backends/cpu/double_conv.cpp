// Convolutions in float64, which ConvInteger is computed in: every sum of codes is exact there.
#include <algorithm>

#include "backends/cpu/kernels.h"
#include "backends/cpu/support.h"
#include "ops/conv.h"

namespace tendon::cpu {
namespace {

/// An output channel of an image is one part of the work.
class DoubleConv final : public Kernel {
 public:
  DoubleConv(const Conv& op, const KernelRequest& request)
      : image_(image_layout(request.input_shape(0), false)),
        weight_(request.input_shape(1)),
        axes_(as_volume(op.axes(request.input_shape(0), weight_))),
        group_(op.group),
        has_bias_(request.has_input(2)) {}

  void run(const KernelArguments& arguments) const override {
    const auto* x = static_cast<const double*>(arguments.inputs[0]);
    const auto* w = static_cast<const double*>(arguments.inputs[1]);
    const auto* bias = has_bias_ ? static_cast<const double*>(arguments.inputs[2]) : nullptr;
    auto* y = static_cast<double*>(arguments.outputs[0]);
    const auto& [outer, middle, inner] = axes_;
    const int64_t taps = outer.kernel * middle.kernel * inner.kernel;
    const int64_t points = outer.output * middle.output * inner.output;
    parallel_for(image_.batch * weight_[0], 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t n = i / weight_[0], m = i % weight_[0];
        const int64_t first = n * image_.channels + m / (weight_[0] / group_) * weight_[1];
        std::fill_n(y + i * points, points, bias == nullptr ? 0.0 : bias[m]);
        for (int64_t c = 0; c < weight_[1]; ++c) {
          add_convolved(axes_, x + (first + c) * image_.points, w + (m * weight_[1] + c) * taps,
                        y + i * points);
        }
      }
    });
  }

 private:
  ImageLayout image_;
  Shape weight_;
  std::array<WindowAxis, 3> axes_;
  int64_t group_;
  bool has_bias_;
};

}  // namespace

Offer make_double_conv(const Conv& op, const KernelRequest& request) {
  const DataType type = request.inputs[0].type.dtype;
  if (type != DataType::kFloat64) return decline("needs float64, got {}", type);
  return std::make_unique<DoubleConv>(op, request);
}

}  // namespace tendon::cpu
