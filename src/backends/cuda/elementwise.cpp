// Binary, Unary and Cast.
#include <algorithm>
#include <array>

#include "backends/cuda/elementwise_parameters.h"
#include "backends/cuda/kernels.h"
#include "backends/cuda/support.h"
#include "ops/broadcast.h"

namespace tendon::cuda {
namespace {

class ElementwiseKernel final : public CudaKernel {
 public:
  ElementwiseKernel(const KernelRequest& request, const ElementwiseParameters& parameters,
                    std::string_view function, int64_t threads, int in_place)
      : CudaKernel(request),
        parameters_(parameters),
        in_place_(in_place),
        launch_(launch_for(device_.function(image_of("elementwise", request), function), threads)) {
    for (size_t i = 0; i < std::min(request.inputs.size(), inputs_.size()); ++i) {
      inputs_[i] = Source(request, i);
    }
  }
  int in_place_input() const override { return in_place_; }
  void run(const KernelArguments& arguments) const override {
    ElementwiseParameters p = parameters_;
    p.a = inputs_[0].in(arguments);
    p.b = inputs_[1].in(arguments);
    p.y = arguments.outputs[0];
    launch(launch_, p, arguments);
  }

 private:
  ElementwiseParameters parameters_;
  int in_place_;
  std::array<Source, 2> inputs_;
  Launch launch_;
};

/// Axes that both operands walk through as one are joined. False where more are left than the
/// kernel has.
bool set_axes(ElementwiseParameters& p, const Shape& y, const Strides& a, const Strides& b) {
  std::fill_n(p.sizes, kElementwiseAxes, 1);
  int axis = kElementwiseAxes;
  for (int i = y.rank() - 1; i >= 0; --i) {
    const auto at = static_cast<size_t>(i);
    if (y[i] == 1) continue;
    if (axis < kElementwiseAxes && a[at] == int64_t{p.a_steps[axis]} * p.sizes[axis] &&
        b[at] == int64_t{p.b_steps[axis]} * p.sizes[axis]) {
      p.sizes[axis] *= static_cast<int>(y[i]);
      continue;
    }
    if (--axis < 0) return false;
    p.sizes[axis] = static_cast<int>(y[i]);
    p.a_steps[axis] = static_cast<int>(a[at]);
    p.b_steps[axis] = static_cast<int>(b[at]);
  }
  return true;
}

}  // namespace

Offer make_binary(const Binary& op, const KernelRequest& request) {
  if (auto declined = unless_floating(request)) return *declined;
  const Shape& y = request.outputs[0].shape;
  const DataType dtype = request.outputs[0].dtype;
  ElementwiseParameters p{};
  p.count = y.element_count();
  if (p.count == 0) return decline("has nothing to compute");
  p.kind = static_cast<int>(op.kind);
  const int in_place = request.input_shape(0).element_count() == p.count ? 0 : -1;
  const auto pack = static_cast<int64_t>(16 / size_of(dtype));
  if (request.input_shape(0) == y && request.input_shape(1) == y && p.count % pack == 0) {
    return std::make_unique<ElementwiseKernel>(
        request, p, fmt::format("binary_packed_{}", suffix_of(dtype)), p.count / pack, in_place);
  }
  if (!set_axes(p, y, broadcast_strides(request.input_shape(0), y),
                broadcast_strides(request.input_shape(1), y))) {
    return decline("needs at most {} axes that broadcast differently, got {} and {}",
                   kElementwiseAxes, request.input_shape(0), request.input_shape(1));
  }
  const int last = kElementwiseAxes - 1;
  if (in_place == 0 && p.b_steps[last] == 0 && p.sizes[last] % pack == 0) {
    return std::make_unique<ElementwiseKernel>(
        request, p, fmt::format("binary_runs_{}", suffix_of(dtype)), p.count / pack, in_place);
  }
  constexpr int64_t kMostThreads = int64_t{1} << 20;
  return std::make_unique<ElementwiseKernel>(request, p, fmt::format("binary_{}", suffix_of(dtype)),
                                             std::min<int64_t>(p.count, kMostThreads), in_place);
}

Offer make_unary(const Unary& op, const KernelRequest& request) {
  if (auto declined = unless_floating(request)) return *declined;
  const bool known =
      (op.kind >= UnaryKind::kRelu && op.kind <= UnaryKind::kGelu) || op.kind == UnaryKind::kAbs;
  if (!known) return decline("has no kernel for {}", op.onnx_type());
  ElementwiseParameters p{};
  p.count = request.outputs[0].shape.element_count();
  if (p.count == 0) return decline("has nothing to compute");
  p.kind = static_cast<int>(op.kind);
  return std::make_unique<ElementwiseKernel>(
      request, p, fmt::format("unary_{}", suffix_of(request.outputs[0].dtype)), p.count, 0);
}

Offer make_cast(const Cast& op, const KernelRequest& request) {
  if (auto declined = unless_small(request)) return *declined;
  struct Row {
    DataType from, to;
    std::string_view function;
  };
  constexpr std::array kRows = {
      Row{DataType::kFloat32, DataType::kFloat16, "cast_f32_f16"},
      Row{DataType::kFloat16, DataType::kFloat32, "cast_f16_f32"},
      Row{DataType::kUInt8, DataType::kFloat32, "cast_u8_f32"},
      Row{DataType::kUInt8, DataType::kFloat16, "cast_u8_f16"},
      Row{DataType::kFloat32, DataType::kBFloat16, "cast_f32_bf16"},
      Row{DataType::kBFloat16, DataType::kFloat32, "cast_bf16_f32"},
      Row{DataType::kUInt8, DataType::kBFloat16, "cast_u8_bf16"},
  };
  const DataType from = request.inputs[0].type.dtype;
  const auto row = std::ranges::find_if(
      kRows, [&](const Row& known) { return known.from == from && known.to == op.to; });
  if (row == kRows.end()) return decline("has no kernel from {} to {}", from, op.to);
  ElementwiseParameters p{};
  p.count = request.outputs[0].shape.element_count();
  if (p.count == 0) return decline("has nothing to compute");
  const int64_t threads = (p.count + kConvertedAtOnce - 1) / kConvertedAtOnce;
  return std::make_unique<ElementwiseKernel>(request, p, row->function, threads, -1);
}

}  // namespace tendon::cuda
