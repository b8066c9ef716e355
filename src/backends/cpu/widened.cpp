// QuantizedConv and QuantizedMatMul by float kernels on the codes: exact to a float's 24 bits on
// every machine, at the speed of float32. For CPUs whose 8-bit instructions would saturate.
#include <cmath>

#include "backends/cpu/kernels.h"
#include "backends/cpu/support.h"
#include "ops/requantize.h"

namespace tendon::cpu {
namespace {

template <class T>
void widen(const void* from, float* to, int64_t begin, int64_t end) {
  const T* codes = static_cast<const T*>(from);
  for (int64_t i = begin; i < end; ++i) to[i] = static_cast<float>(codes[i]);
}

void widen(DataType type, const void* from, float* to, int64_t begin, int64_t end) {
  if (type == DataType::kUInt8) {
    widen<uint8_t>(from, to, begin, end);
  } else if (type == DataType::kInt8) {
    widen<int8_t>(from, to, begin, end);
  } else {
    widen<float>(from, to, begin, end);
  }
}

/// What follows the sums.
struct Epilogue {
  std::vector<float> scale;  ///< one a channel
  std::vector<float> bias;   ///< one a channel, or one an element of the result
  bool bias_by_channel = true;
  Activation activation = Activation::kNone;
  float residual_scale = 1;
  DataType residual_dtype = DataType::kFloat32;
  DataType y_dtype = DataType::kFloat32;
  float y_scale = 1;
};

int64_t aligned(int64_t elements) { return (elements + 15) / 16 * 16; }

class WidenedKernel final : public Kernel {
 public:
  WidenedKernel(std::unique_ptr<Kernel> product, Epilogue epilogue, const KernelRequest& request,
                int64_t points)
      : product_(std::move(product)),
        epilogue_(std::move(epilogue)),
        x_dtype_(request.inputs[0].type.dtype),
        x_count_(request.input_shape(0).element_count()),
        y_count_(request.outputs[0].shape.element_count()),
        points_(points),
        has_residual_(request.has_input(4)) {}

  void run(const KernelArguments& arguments) const override {
    auto* x = reinterpret_cast<float*>(arguments.workspace);
    float* sums = x + aligned(x_count_);
    parallel_for(x_count_, kElementsPerTask, [&](int64_t begin, int64_t end) {
      widen(x_dtype_, arguments.inputs[0], x, begin, end);
    });
    const void* inputs[] = {x, nullptr};
    void* outputs[] = {sums};
    product_->run({inputs, outputs, reinterpret_cast<std::byte*>(sums + aligned(y_count_))});
    parallel_for(y_count_, kElementsPerTask,
                 [&](int64_t begin, int64_t end) { finish(arguments, sums, begin, end); });
  }
  size_t workspace_bytes() const override {
    return static_cast<size_t>(aligned(x_count_) + aligned(y_count_)) * sizeof(float) +
           product_->workspace_bytes();
  }
  bool reads_constant(size_t input) const override { return input == 0 || input == 4; }
  size_t packed_bytes() const override {
    return product_->packed_bytes() +
           (epilogue_.scale.size() + epilogue_.bias.size()) * sizeof(float);
  }
  std::string detail() const override { return product_->detail(); }

 private:
  void finish(const KernelArguments& arguments, float* sums, int64_t begin, int64_t end) const {
    const auto channels = static_cast<int64_t>(epilogue_.scale.size());
    for (int64_t i = begin; i < end; ++i) {
      const auto channel = static_cast<size_t>(i / points_ % channels);
      sums[i] *= epilogue_.scale[channel];
      if (!epilogue_.bias.empty()) {
        sums[i] += epilogue_.bias[epilogue_.bias_by_channel ? channel : static_cast<size_t>(i)];
      }
    }
    if (has_residual_) add_residual(arguments.inputs[4], sums, begin, end);
    for (int64_t i = begin; i < end; ++i) {
      sums[i] = static_cast<float>(apply(epilogue_.activation, static_cast<double>(sums[i])));
    }
    if (epilogue_.y_dtype == DataType::kFloat32) {
      std::copy(sums + begin, sums + end, static_cast<float*>(arguments.outputs[0]) + begin);
    } else if (epilogue_.y_dtype == DataType::kUInt8) {
      write_codes(sums, static_cast<uint8_t*>(arguments.outputs[0]), begin, end);
    } else {
      write_codes(sums, static_cast<int8_t*>(arguments.outputs[0]), begin, end);
    }
  }
  void add_residual(const void* residual, float* sums, int64_t begin, int64_t end) const {
    constexpr int64_t kBlock = 256;
    float block[kBlock];
    const auto* bytes = static_cast<const std::byte*>(residual);
    const auto width = static_cast<int64_t>(size_of(epilogue_.residual_dtype));
    for (int64_t first = begin; first < end; first += kBlock) {
      const int64_t count = std::min(kBlock, end - first);
      widen(epilogue_.residual_dtype, bytes + first * width, block, 0, count);
      for (int64_t i = 0; i < count; ++i) sums[first + i] += block[i] * epilogue_.residual_scale;
    }
  }
  template <class T>
  void write_codes(const float* values, T* codes, int64_t begin, int64_t end) const {
    const CodeRange range = code_range(epilogue_.y_dtype);
    const auto low = static_cast<float>(range.low);
    const auto high = static_cast<float>(range.high);
    for (int64_t i = begin; i < end; ++i) {
      const float code = std::nearbyint(values[i] / epilogue_.y_scale);
      codes[i] = std::isnan(code) ? T{0} : static_cast<T>(std::min(std::max(code, low), high));
    }
  }

  std::unique_ptr<Kernel> product_;
  Epilogue epilogue_;
  DataType x_dtype_;
  int64_t x_count_;
  int64_t y_count_;
  /// Elements of one channel that lie side by side.
  int64_t points_;
  bool has_residual_;
};

std::vector<float> floats_of(const Tensor& tensor) {
  const auto values = tensor.data<float>();
  return {values.begin(), values.end()};
}

template <class Op, class Plain>
Offer make(const Op& op, const Plain& plain,
           Offer (*make_plain)(const Plain&, const KernelRequest&), const KernelRequest& request,
           int64_t points) {
  if (auto declined = unless_constant_parameters(request)) return *declined;
  if (op.y_dtype == DataType::kBFloat16) return decline("does not write bfloat16");
  Epilogue epilogue;
  epilogue.scale = floats_of(*request.inputs[2].value);
  const auto by_channel = bias_is_by_channel(request);
  if (const auto* declined = std::get_if<Declined>(&by_channel)) return *declined;
  epilogue.bias_by_channel = std::get<bool>(by_channel);
  if (request.has_input(3)) epilogue.bias = floats_of(*request.inputs[3].value);
  epilogue.activation = op.activation;
  epilogue.residual_scale = op.residual_scale;
  if (request.has_input(4)) epilogue.residual_dtype = request.inputs[4].type.dtype;
  epilogue.y_dtype = op.y_dtype;
  epilogue.y_scale = op.y_scale;

  const Tensor weight = cast(*request.inputs[1].value, DataType::kFloat32);
  const Argument arguments[] = {{{DataType::kFloat32, request.input_shape(0)}, nullptr, true},
                                {weight.type(), &weight, true}};
  const TensorType outputs[] = {{DataType::kFloat32, request.outputs[0].shape}};
  Node node{request.node.name,
            plain,
            {request.node.inputs[0], request.node.inputs[1]},
            request.node.outputs};
  KernelRequest product_request{node, arguments, outputs, request.threads};
  product_request.packing = request.packing;
  Offer offer = make_plain(plain, product_request);
  auto* product = std::get_if<std::unique_ptr<Kernel>>(&offer);
  if (product == nullptr) return offer;
  return std::make_unique<WidenedKernel>(std::move(*product), std::move(epilogue), request, points);
}

}  // namespace

Offer make_widened_conv(const QuantizedConv& op, const KernelRequest& request) {
  const Shape& y = request.outputs[0].shape;
  const int64_t points = op.channels_last ? 1 : extent(y, 2, y.rank());
  return make(op, op.plain(), &make_fused_conv, request, points);
}

Offer make_widened_matmul(const QuantizedMatMul& op, const KernelRequest& request) {
  return make(op, op.plain(), &make_fused_matmul, request, 1);
}

}  // namespace tendon::cpu
