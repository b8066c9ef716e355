// QuantizeLinear and DequantizeLinear with one scale.
#include "base/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/quantize.cpp"
#include <hwy/foreach_target.h>

#include <cmath>
#include <limits>

#include "backends/cpu/codes-inl.h"
#include "backends/cpu/kernels.h"
#include "backends/cpu/support.h"

HWY_BEFORE_NAMESPACE();
namespace tendon::cpu {
namespace HWY_NAMESPACE {

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

/// y[i] = (x[i] - zero) * scale.
template <class T>
HWY_INLINE void dequantize(const T* x, float* y, int64_t n, float scale, float zero) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const V offset = hn::Sub(load_codes(x + i), hn::Set(d, zero));
    hn::StoreU(hn::Mul(offset, hn::Set(d, scale)), d, y + i);
  }
  for (; i < n; ++i) y[i] = (static_cast<float>(x[i]) - zero) * scale;
}

void quantize_int8(const float* x, void* y, int64_t n, float scale, float zero) {
  quantize(x, static_cast<int8_t*>(y), n, scale, zero);
}
void quantize_uint8(const float* x, void* y, int64_t n, float scale, float zero) {
  quantize(x, static_cast<uint8_t*>(y), n, scale, zero);
}
void dequantize_int8(const void* x, float* y, int64_t n, float scale, float zero) {
  dequantize(static_cast<const int8_t*>(x), y, n, scale, zero);
}
void dequantize_uint8(const void* x, float* y, int64_t n, float scale, float zero) {
  dequantize(static_cast<const uint8_t*>(x), y, n, scale, zero);
}

}  // namespace HWY_NAMESPACE
}  // namespace tendon::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tendon::cpu {
HWY_EXPORT(quantize_int8);
HWY_EXPORT(quantize_uint8);
HWY_EXPORT(dequantize_int8);
HWY_EXPORT(dequantize_uint8);
namespace {

/// The constant scale and zero point of the node.
struct Affine {
  float scale;
  float zero;
};

std::variant<Affine, Declined> affine_of(const KernelRequest& request, DataType codes) {
  if (codes != DataType::kInt8 && codes != DataType::kUInt8) {
    return decline("needs int8 or uint8, got {}", codes);
  }
  const Tensor* scale = request.inputs[1].value;
  if (scale == nullptr || scale->size() != 1 || scale->dtype() != DataType::kFloat32) {
    return decline("needs one constant float32 scale");
  }
  float zero = 0;
  if (request.has_input(2)) {
    const Tensor* value = request.inputs[2].value;
    if (value == nullptr) return decline("needs a constant zero point");
    zero = static_cast<float>(to_doubles(*value)[0]);
  }
  return Affine{scale->data<float>()[0], zero};
}

class QuantizeKernel final : public Kernel {
 public:
  QuantizeKernel(Affine affine, bool is_signed, int64_t count)
      : function_(is_signed ? &HWY_DYNAMIC_DISPATCH(quantize_int8)
                            : &HWY_DYNAMIC_DISPATCH(quantize_uint8)),
        affine_(affine),
        count_(count) {}
  void run(const KernelArguments& arguments) const override {
    const float* x = floats(arguments, 0);
    auto* y = static_cast<std::byte*>(arguments.outputs[0]);
    parallel_for(count_, kElementsPerTask, [&](int64_t begin, int64_t end) {
      function_(x + begin, y + begin, end - begin, affine_.scale, affine_.zero);
    });
  }
  bool reads_constant(size_t input) const override { return input == 0; }

 private:
  void (*function_)(const float*, void*, int64_t, float, float);
  Affine affine_;
  int64_t count_;
};

class DequantizeKernel final : public Kernel {
 public:
  DequantizeKernel(Affine affine, bool is_signed, int64_t count)
      : function_(is_signed ? &HWY_DYNAMIC_DISPATCH(dequantize_int8)
                            : &HWY_DYNAMIC_DISPATCH(dequantize_uint8)),
        affine_(affine),
        count_(count) {}
  void run(const KernelArguments& arguments) const override {
    const auto* x = static_cast<const std::byte*>(arguments.inputs[0]);
    float* y = output_floats(arguments);
    parallel_for(count_, kElementsPerTask, [&](int64_t begin, int64_t end) {
      function_(x + begin, y + begin, end - begin, affine_.scale, affine_.zero);
    });
  }
  bool reads_constant(size_t input) const override { return input == 0; }

 private:
  void (*function_)(const void*, float*, int64_t, float, float);
  Affine affine_;
  int64_t count_;
};

}  // namespace

Offer make_quantize(const QuantizeLinear&, const KernelRequest& request) {
  const TensorType& y = request.outputs[0];
  if (request.inputs[0].type.dtype != DataType::kFloat32) {
    return decline("needs float32, got {}", request.inputs[0].type.dtype);
  }
  const auto affine = affine_of(request, y.dtype);
  if (const auto* declined = std::get_if<Declined>(&affine)) return *declined;
  return std::make_unique<QuantizeKernel>(std::get<Affine>(affine), y.dtype == DataType::kInt8,
                                          y.shape.element_count());
}

Offer make_dequantize(const DequantizeLinear&, const KernelRequest& request) {
  const TensorType& x = request.inputs[0].type;
  if (request.outputs[0].dtype != DataType::kFloat32) {
    return decline("makes float32, not {}", request.outputs[0].dtype);
  }
  const auto affine = affine_of(request, x.dtype);
  if (const auto* declined = std::get_if<Declined>(&affine)) return *declined;
  return std::make_unique<DequantizeKernel>(std::get<Affine>(affine), x.dtype == DataType::kInt8,
                                            x.shape.element_count());
}

}  // namespace tendon::cpu
#endif
