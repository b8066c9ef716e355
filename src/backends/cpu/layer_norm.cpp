// LayerNormalization over the last axes, alone or of a sum of two tensors, and GroupNormalization.
#include "base/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/layer_norm.cpp"
#include <hwy/foreach_target.h>

#include <array>
#include <cmath>

#include "backends/cpu/bfloat16.h"
#include "backends/cpu/codes-inl.h"
#include "backends/cpu/kernels.h"
#include "backends/cpu/simd_math-inl.h"
#include "backends/cpu/support.h"

HWY_BEFORE_NAMESPACE();
namespace tendon::cpu {
namespace HWY_NAMESPACE {

struct Statistics {
  float mean;
  /// One over the deviation.
  float factor;
};

HWY_INLINE Statistics statistics(const float* x, int64_t n, float epsilon) {
  const hn::ScalableTag<float> d;
  using V = hn::Vec<decltype(d)>;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t whole = n / lanes * lanes;
  V sums = hn::Zero(d);
  for (int64_t i = 0; i < whole; i += lanes) sums = hn::Add(sums, hn::LoadU(d, x + i));
  float sum = hn::GetLane(hn::SumOfLanes(d, sums));
  for (int64_t i = whole; i < n; ++i) sum += x[i];
  const float mean = sum / static_cast<float>(n);

  const V center = hn::Set(d, mean);
  V squares = hn::Zero(d);
  for (int64_t i = 0; i < whole; i += lanes) {
    const V difference = hn::Sub(hn::LoadU(d, x + i), center);
    squares = hn::MulAdd(difference, difference, squares);
  }
  float square = hn::GetLane(hn::SumOfLanes(d, squares));
  for (int64_t i = whole; i < n; ++i) square += (x[i] - mean) * (x[i] - mean);
  return {mean, 1.0f / std::sqrt(square / static_cast<float>(n) + epsilon)};
}

/// One group of `channels` rows of `inner` elements; y may be x.
void group_norm(const float* x, const float* scale, const float* bias, float* y, int64_t channels,
                int64_t inner, float epsilon) {
  const hn::ScalableTag<float> d;
  using V = hn::Vec<decltype(d)>;
  const auto [mean, factor] = statistics(x, channels * inner, epsilon);
  const V center = hn::Set(d, mean);
  for (int64_t c = 0; c < channels; ++c) {
    const V weight = hn::Set(d, factor * scale[c]);
    const V shift = hn::Set(d, bias[c]);
    map_vectors(d, x + c * inner, y + c * inner, inner,
                [=](V v) HWY_ATTR { return hn::MulAdd(hn::Sub(v, center), weight, shift); });
  }
}

/// residual, scale and bias are null where absent; y may be x.
void layer_norm_row(const float* x, const float* residual, const float* scale, const float* bias,
                    float* y, int64_t n, float epsilon) {
  const hn::ScalableTag<float> d;
  using V = hn::Vec<decltype(d)>;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t whole = n / lanes * lanes;
  if (residual != nullptr) {
    map_vectors(d, x, residual, y, n, [](V a, V b) HWY_ATTR { return hn::Add(a, b); });
    x = y;
  }

  const auto [mean, factor] = statistics(x, n, epsilon);
  const V center = hn::Set(d, mean);
  const V steepness = hn::Set(d, factor);
  const V one = hn::Set(d, 1.0f);
  const V zero = hn::Zero(d);
  for (int64_t i = 0; i < whole; i += lanes) {
    const V weight = scale == nullptr ? one : hn::LoadU(d, scale + i);
    const V shift = bias == nullptr ? zero : hn::LoadU(d, bias + i);
    const V centered = hn::Sub(hn::LoadU(d, x + i), center);
    hn::StoreU(hn::MulAdd(hn::Mul(centered, steepness), weight, shift), d, y + i);
  }
  for (int64_t i = whole; i < n; ++i) {
    const float scaled = (x[i] - mean) * factor * (scale == nullptr ? 1.0f : scale[i]);
    y[i] = scaled + (bias == nullptr ? 0.0f : bias[i]);
  }
}

/// The row's sum and result stay in float32 until it is complete; n is at most kBfloat16Chunk.
void layer_norm_bfloat16(const BFloat16* x, const BFloat16* residual, const float* scale,
                         const float* bias, BFloat16* y, int64_t n, float epsilon) {
  const hn::ScalableTag<float> d;
  using V = hn::Vec<decltype(d)>;
  HWY_ALIGN float row[kBfloat16Chunk] = {};
  if (residual != nullptr) {
    map_vectors(d, x, residual, row, n, [](V a, V b) HWY_ATTR { return hn::Add(a, b); });
  } else {
    map_vectors(d, x, row, n, [](V v) HWY_ATTR { return v; });
  }
  layer_norm_row(row, nullptr, scale, bias, row, n, epsilon);
  map_vectors(d, row, y, n, [](V v) HWY_ATTR { return v; });
}

void row_to_int8(const float* y, void* codes, int64_t n, float scale) {
  quantize(y, static_cast<int8_t*>(codes), n, scale, 0);
}
void row_to_uint8(const float* y, void* codes, int64_t n, float scale) {
  quantize(y, static_cast<uint8_t*>(codes), n, scale, 0);
}

}  // namespace HWY_NAMESPACE
}  // namespace tendon::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tendon::cpu {
HWY_EXPORT(group_norm);
HWY_EXPORT(layer_norm_row);
HWY_EXPORT(layer_norm_bfloat16);
HWY_EXPORT(row_to_int8);
HWY_EXPORT(row_to_uint8);
namespace {

/// What else happens to a row while it is in the nearest cache.
struct RowCodes {
  void (*write)(const float* y, void* codes, int64_t n, float scale) = nullptr;
  float scale = 1;
};

class LayerNormKernel final : public Kernel {
 public:
  /// The inputs are x, residual if `adds`, scale, bias.
  LayerNormKernel(bool adds, int64_t rows, int64_t columns, float epsilon, RowCodes codes)
      : row_(&HWY_DYNAMIC_DISPATCH(layer_norm_row)),
        adds_(adds),
        rows_(rows),
        columns_(columns),
        epsilon_(epsilon),
        codes_(codes) {}

  void run(const KernelArguments& arguments) const override {
    const float* x = floats(arguments, 0);
    const float* residual = adds_ ? floats(arguments, 1) : nullptr;
    const float* scale = optional_floats(arguments, adds_ ? 2 : 1);
    const float* bias = optional_floats(arguments, adds_ ? 3 : 2);
    float* y = output_floats(arguments);
    auto* codes = codes_.write == nullptr ? nullptr : static_cast<std::byte*>(arguments.outputs[1]);
    parallel_for(rows_, rows_per_task(columns_), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin * columns_; i < end * columns_; i += columns_) {
        row_(x + i, adds_ ? residual + i : nullptr, scale, bias, y + i, columns_, epsilon_);
        if (codes != nullptr) codes_.write(y + i, codes + i, columns_, codes_.scale);
      }
    });
  }
  int in_place_input() const override { return 0; }

 private:
  void (*row_)(const float* x, const float* residual, const float* scale, const float* bias,
               float* y, int64_t n, float epsilon);
  bool adds_;
  int64_t rows_;
  int64_t columns_;
  float epsilon_;
  RowCodes codes_;
};

class Bfloat16LayerNormKernel final : public Kernel {
 public:
  /// The inputs are x, residual if `adds`, scale, bias; the latter two constants.
  Bfloat16LayerNormKernel(bool adds, int64_t rows, int64_t columns, float epsilon,
                          const KernelRequest& request)
      : row_(&HWY_DYNAMIC_DISPATCH(layer_norm_bfloat16)),
        adds_(adds),
        rows_(rows),
        columns_(columns),
        epsilon_(epsilon) {
    const size_t first = adds ? 2 : 1;
    for (size_t i = first; i < request.inputs.size(); ++i) {
      if (request.has_input(i)) parameters_[i - first] = floats_of(*request.inputs[i].value);
    }
  }

  void run(const KernelArguments& arguments) const override {
    const auto parameter = [&](size_t i) {
      return parameters_[i].empty() ? nullptr : parameters_[i].data();
    };
    const BFloat16* x = halves(arguments, 0);
    const BFloat16* residual = adds_ ? halves(arguments, 1) : nullptr;
    BFloat16* y = output_halves(arguments);
    parallel_for(rows_, rows_per_task(columns_), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin * columns_; i < end * columns_; i += columns_) {
        row_(x + i, adds_ ? residual + i : nullptr, parameter(0), parameter(1), y + i, columns_,
             epsilon_);
      }
    });
  }
  int in_place_input() const override { return 0; }
  bool reads_constant(size_t input) const override { return input < (adds_ ? 2u : 1u); }

 private:
  static std::vector<float> floats_of(const Tensor& tensor) {
    const Tensor wide = cast(tensor, DataType::kFloat32);
    const auto values = wide.data<float>();
    return {values.begin(), values.end()};
  }

  void (*row_)(const BFloat16* x, const BFloat16* residual, const float* scale, const float* bias,
               BFloat16* y, int64_t n, float epsilon);
  bool adds_;
  int64_t rows_;
  int64_t columns_;
  float epsilon_;
  std::array<std::vector<float>, 2> parameters_;
};

class GroupNormKernel final : public Kernel {
 public:
  GroupNormKernel(int64_t batch, int64_t groups, int64_t channels, int64_t inner, float epsilon)
      : group_(&HWY_DYNAMIC_DISPATCH(group_norm)),
        batch_(batch),
        groups_(groups),
        channels_(channels),
        inner_(inner),
        epsilon_(epsilon) {}

  void run(const KernelArguments& arguments) const override {
    const int64_t width = channels_ * inner_;
    parallel_for(batch_ * groups_, rows_per_task(width), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t channel = i % groups_ * channels_;
        group_(floats(arguments, 0) + i * width, floats(arguments, 1) + channel,
               floats(arguments, 2) + channel, output_floats(arguments) + i * width, channels_,
               inner_, epsilon_);
      }
    });
  }
  int in_place_input() const override { return 0; }

 private:
  void (*group_)(const float* x, const float* scale, const float* bias, float* y, int64_t channels,
                 int64_t inner, float epsilon);
  int64_t batch_;
  int64_t groups_;
  /// Of one group.
  int64_t channels_;
  int64_t inner_;
  float epsilon_;
};

Offer make(bool adds, int64_t op_axis, float epsilon, const KernelRequest& request,
           RowCodes codes = {}) {
  const Shape& shape = request.outputs[0].shape;
  const int axis = normalize_axis(op_axis, shape.rank());
  const int64_t columns = extent(shape, axis, shape.rank());
  if (request.input_shape(0) != shape || (adds && request.input_shape(1) != shape)) {
    return decline("needs both summands of the output's shape {}", shape);
  }
  for (size_t i = adds ? 2 : 1; i < request.inputs.size(); ++i) {
    if (request.has_input(i) && request.input_shape(i).element_count() != columns) {
      return decline("input {} has shape {}, needs {} elements", i, request.input_shape(i),
                     columns);
    }
  }
  if (request.outputs[0].dtype == DataType::kBFloat16) {
    if (columns > kBfloat16Chunk) return decline("needs at most {} columns", kBfloat16Chunk);
    for (size_t i = adds ? 2 : 1; i < request.inputs.size(); ++i) {
      if (request.has_input(i) && request.inputs[i].value == nullptr) {
        return decline("needs constant scale and bias");
      }
    }
    return std::make_unique<Bfloat16LayerNormKernel>(adds, extent(shape, 0, axis), columns, epsilon,
                                                     request);
  }
  return std::make_unique<LayerNormKernel>(adds, extent(shape, 0, axis), columns, epsilon, codes);
}

std::optional<Declined> unless_one_output(const KernelRequest& request) {
  const bool narrow = request.inputs[0].type.dtype == DataType::kBFloat16;
  if (auto declined = narrow ? unless_bfloat16(request) : unless_float32(request)) return declined;
  for (size_t i = 1; i < request.node.outputs.size(); ++i) {
    if (request.node.outputs[i] != kNone) return decline("has no output {}", i);
  }
  return std::nullopt;
}

}  // namespace

Offer make_group_norm(const GroupNormalization& op, const KernelRequest& request) {
  if (auto declined = unless_float32(request)) return *declined;
  const Shape& shape = request.outputs[0].shape;
  const int64_t groups = op.num_groups == 0 ? shape[1] : op.num_groups;
  return std::make_unique<GroupNormKernel>(shape[0], groups, shape[1] / groups,
                                           extent(shape, 2, shape.rank()), op.epsilon);
}

Offer make_layer_norm(const LayerNormalization& op, const KernelRequest& request) {
  if (auto declined = unless_one_output(request)) return *declined;
  return make(false, op.axis, op.epsilon, request);
}

Offer make_quantized_layer_norm(const QuantizedLayerNormalization& op,
                                const KernelRequest& request) {
  if (request.inputs[0].type.dtype != DataType::kFloat32) {
    return decline("needs float32, got {}", request.inputs[0].type.dtype);
  }
  return make(false, op.axis, op.epsilon, request,
              {op.y_dtype == DataType::kInt8 ? HWY_DYNAMIC_DISPATCH(row_to_int8)
                                             : HWY_DYNAMIC_DISPATCH(row_to_uint8),
               op.y_scale});
}

Offer make_add_layer_norm(const AddLayerNormalization& op, const KernelRequest& request) {
  if (auto declined = unless_one_output(request)) return *declined;
  return make(true, op.axis, op.epsilon, request);
}

}  // namespace tendon::cpu
#endif
