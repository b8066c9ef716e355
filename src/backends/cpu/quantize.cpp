// QuantizeLinear and DequantizeLinear with one scale.
#include "base/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/quantize.cpp"
#include <hwy/foreach_target.h>

#include <array>
#include <cmath>
#include <limits>

#include "backends/cpu/bfloat16.h"
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

/// The scale and zero point of a whole tensor: constants, or read while running.
class Affine {
 public:
  Affine(const KernelRequest& request, bool is_signed)
      : is_signed_(is_signed), has_zero_(request.has_input(2)) {
    const Tensor* scale = request.inputs[1].value;
    const Tensor* zero = has_zero_ ? request.inputs[2].value : nullptr;
    known_ = scale != nullptr && (zero != nullptr || !has_zero_);
    if (known_) read(scale->raw(), has_zero_ ? zero->raw() : nullptr);
  }
  bool is_signed() const { return is_signed_; }
  bool known() const { return known_; }
  float scale() const { return scale_; }
  float zero() const { return zero_; }
  Affine at(const KernelArguments& arguments) const {
    Affine affine = *this;
    if (!known_) affine.read(arguments.inputs[1], has_zero_ ? arguments.inputs[2] : nullptr);
    return affine;
  }

 private:
  void read(const void* scale, const void* zero) {
    scale_ = *static_cast<const float*>(scale);
    if (zero == nullptr) return;
    zero_ = is_signed_ ? static_cast<float>(*static_cast<const int8_t*>(zero))
                       : static_cast<float>(*static_cast<const uint8_t*>(zero));
  }

  bool is_signed_;
  bool has_zero_;
  bool known_ = false;
  float scale_ = 1;
  float zero_ = 0;
};

std::variant<Affine, Declined> affine_of(const KernelRequest& request, DataType codes) {
  if (codes != DataType::kInt8 && codes != DataType::kUInt8) {
    return decline("needs int8 or uint8, got {}", codes);
  }
  const TensorType& scale = request.inputs[1].type;
  if (scale.shape.element_count() != 1 || scale.dtype != DataType::kFloat32) {
    return decline("needs one float32 scale, got {}", scale);
  }
  return Affine(request, codes == DataType::kInt8);
}

class QuantizeKernel final : public Kernel {
 public:
  QuantizeKernel(const Affine& affine, int64_t count, bool from_halves)
      : function_(affine.is_signed() ? &HWY_DYNAMIC_DISPATCH(quantize_int8)
                                     : &HWY_DYNAMIC_DISPATCH(quantize_uint8)),
        affine_(affine),
        count_(count),
        from_halves_(from_halves) {}
  void run(const KernelArguments& arguments) const override {
    const float* x = floats(arguments, 0);
    auto* y = static_cast<std::byte*>(arguments.outputs[0]);
    const Affine affine = affine_.at(arguments);
    parallel_for(count_, kElementsPerTask, [&](int64_t begin, int64_t end) {
      if (from_halves_) {
        quantize_halves(halves(arguments, 0) + begin, y + begin, end - begin, affine);
      } else {
        function_(x + begin, y + begin, end - begin, affine.scale(), affine.zero());
      }
    });
  }
  bool reads_constant(size_t input) const override { return input == 0 || !affine_.known(); }

 private:
  /// Chunks of bfloat16 by way of float32.
  void quantize_halves(const BFloat16* x, std::byte* y, int64_t n, const Affine& affine) const {
    std::array<float, kBfloat16Chunk> chunk;
    for (int64_t i = 0; i < n; i += kBfloat16Chunk) {
      const int64_t count = std::min(kBfloat16Chunk, n - i);
      widen(x + i, chunk.data(), count);
      function_(chunk.data(), y + i, count, affine.scale(), affine.zero());
    }
  }

  void (*function_)(const float*, void*, int64_t, float, float);
  Affine affine_;
  int64_t count_;
  bool from_halves_;
};

class DequantizeKernel final : public Kernel {
 public:
  DequantizeKernel(const Affine& affine, int64_t count)
      : function_(affine.is_signed() ? &HWY_DYNAMIC_DISPATCH(dequantize_int8)
                                     : &HWY_DYNAMIC_DISPATCH(dequantize_uint8)),
        affine_(affine),
        count_(count) {}
  void run(const KernelArguments& arguments) const override {
    const auto* x = static_cast<const std::byte*>(arguments.inputs[0]);
    float* y = output_floats(arguments);
    const Affine affine = affine_.at(arguments);
    parallel_for(count_, kElementsPerTask, [&](int64_t begin, int64_t end) {
      function_(x + begin, y + begin, end - begin, affine.scale(), affine.zero());
    });
  }
  bool reads_constant(size_t input) const override { return input == 0 || !affine_.known(); }

 private:
  void (*function_)(const void*, float*, int64_t, float, float);
  Affine affine_;
  int64_t count_;
};

}  // namespace

Offer make_quantize(const QuantizeLinear&, const KernelRequest& request) {
  const TensorType& y = request.outputs[0];
  const DataType from = request.inputs[0].type.dtype;
  if (from != DataType::kFloat32 && from != DataType::kBFloat16) {
    return decline("needs float32 or bfloat16, got {}", from);
  }
  const auto affine = affine_of(request, y.dtype);
  if (const auto* declined = std::get_if<Declined>(&affine)) return *declined;
  return std::make_unique<QuantizeKernel>(std::get<Affine>(affine), y.shape.element_count(),
                                          from == DataType::kBFloat16);
}

Offer make_dequantize(const DequantizeLinear&, const KernelRequest& request) {
  const TensorType& x = request.inputs[0].type;
  if (request.outputs[0].dtype != DataType::kFloat32) {
    return decline("makes float32, not {}", request.outputs[0].dtype);
  }
  const auto affine = affine_of(request, x.dtype);
  if (const auto* declined = std::get_if<Declined>(&affine)) return *declined;
  return std::make_unique<DequantizeKernel>(std::get<Affine>(affine), x.shape.element_count());
}

}  // namespace tendon::cpu
#endif
