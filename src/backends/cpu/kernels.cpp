// The cpu backend: its kernels in the order in which they are asked.
#include "backends/cpu/kernels.h"

#include <hwy/targets.h>

#include "backends/cpu/backend.h"
#include "backends/cpu/bfloat16.h"
#include "backends/cpu/onednn.h"

namespace tendon {
namespace {

using namespace cpu;

/// Like on<>, for one variant of several.
template <class T, auto kMake, auto kVariant>
Offer one_of(const KernelRequest& request) {
  const T* op = std::get_if<T>(&request.node.op);
  if (op == nullptr) return Declined{};
  return kMake(*op, request, kVariant);
}

// Variants come behind the row that is the best guess.
constexpr KernelRow kRows[] = {
    {"simd:winograd", one_of<FusedConv, make_winograd_conv, WinogradSplit::kUsual>},
    {"simd:winograd_small", one_of<FusedConv, make_winograd_conv, WinogradSplit::kSmallBlocks>},
    {"simd:winograd_large", one_of<FusedConv, make_winograd_conv, WinogradSplit::kLargeBlocks>},
    {"simd:winograd_by_channels",
     one_of<FusedConv, make_winograd_conv, WinogradSplit::kByChannels>},
    {"onednn:conv", on<FusedConv, make_fused_conv>},
    {"onednn:conv", on<Conv, make_conv>},
    {"onednn:conv_by_image", on<FusedConv, make_conv_by_image>},
    {"onednn:conv_second", one_of<FusedConv, make_nth_conv, 1>},
    {"simd:image_conv", on<ImageConv, make_image_conv>},
    {"simd:quantized_image_conv", on<QuantizedImageConv, make_quantized_image_conv>},
    {"loop:conv", on<Conv, make_double_conv>},
    {"onednn:deconv", on<ConvTranspose, make_conv_transpose>},
    {"simd:int16_conv", on<QuantizedConv, make_int16_conv>},
    {"onednn:int8_conv", on<QuantizedConv, make_quantized_conv>},
    {"onednn:int8_conv_by_image", on<QuantizedConv, make_int8_conv_by_image>},
    {"onednn:int8_conv_second", one_of<QuantizedConv, make_nth_int8_conv, 1>},
    {"onednn:widened_conv", on<QuantizedConv, make_widened_conv>},
    {"onednn:matmul", on<FusedMatMul, make_fused_matmul>},
    {"onednn:matmul_as_conv",
     one_of<FusedMatMul, make_matmul_variant, ProductVariant::kConvolution>},
    {"onednn:matmul_second", one_of<FusedMatMul, make_matmul_variant, ProductVariant::kSecond>},
    {"onednn:matmul", on<MatMul, make_matmul>},
    {"onednn:matmul", on<Gemm, make_gemm>},
    {"simd:int32_matmul", on<MatMul, make_int32_matmul>},
    {"simd:int16_matmul", on<QuantizedMatMul, make_int16_matmul>},
    {"onednn:int8_matmul", on<QuantizedMatMul, make_quantized_matmul>},
    {"onednn:int8_matmul_as_conv",
     one_of<QuantizedMatMul, make_int8_matmul_variant, ProductVariant::kConvolution>},
    {"onednn:int8_matmul_second",
     one_of<QuantizedMatMul, make_int8_matmul_variant, ProductVariant::kSecond>},
    {"onednn:widened_matmul", on<QuantizedMatMul, make_widened_matmul>},
    {"onednn:recurrent", on<Recurrent, make_recurrent>},
    {"simd:attention", on<Attention, make_attention>},
    {"simd:bfloat16_attention", on<Attention, make_bfloat16_attention>},
    {"simd:layer_norm", on<AddLayerNormalization, make_add_layer_norm>},
    {"simd:layer_norm", on<LayerNormalization, make_layer_norm>},
    {"simd:layer_norm", on<QuantizedLayerNormalization, make_quantized_layer_norm>},
    {"simd:group_norm", on<GroupNormalization, make_group_norm>},
    {"simd:softmax", on<Softmax, make_softmax>},
    {"loop:softmax", on<Softmax, make_softmax_loop>},
    {"loop:softmax", on<LogSoftmax, make_log_softmax>},
    {"simd:unary", on<Unary, make_unary>},
    {"simd:unary", on<Clip, make_clip>},
    {"simd:binary", on<Binary, make_binary>},
    {"simd:bfloat16_unary", on<Unary, make_bfloat16_unary>},
    {"simd:bfloat16_binary", on<Binary, make_bfloat16_binary>},
    {"loop:unary", on<Unary, make_unary_loop>},
    {"loop:binary", on<Binary, make_binary_loop>},
    {"loop:variadic", on<Variadic, make_variadic>},
    {"loop:comparison", on<Comparison, make_comparison>},
    {"simd:pool", on<MaxPool, make_max_pool>},
    {"simd:pool", on<AveragePool, make_average_pool>},
    {"simd:pool", on<GlobalPool, make_global_pool>},
    {"loop:grid_sample", on<GridSample, make_grid_sample>},
    {"loop:resize", on<Resize, make_resize>},
    {"simd:quantize", on<QuantizeLinear, make_quantize>},
    {"simd:dequantize", on<DequantizeLinear, make_dequantize>},
    {"simd:reduce", on<Reduce, make_reduce>},
    {"loop:reduce", on<Reduce, make_reduce_loop>},
    {"view:observe", on<Observe, make_observe>},
    {"copy:transpose", on<Transpose, make_transpose>},
    {"copy:expand", on<Expand, make_expand>},
    {"copy:tile", on<Tile, make_tile>},
    {"copy:slice", on<Slice, make_slice>},
    {"copy:concat", on<Concat, make_concat>},
    {"copy:split", on<Split, make_split>},
    {"copy:gather", on<Gather, make_gather>},
    {"copy:gather_at", on<GatherAt, make_gather_at>},
    {"copy:scatter", on<ScatterAt, make_scatter_at>},
    {"loop:scatter", on<ScatterAt, make_scatter_combining>},
    {"copy:pad", on<Pad, make_pad>},
    {"loop:arg_reduce", on<ArgReduce, make_arg_reduce>},
    {"loop:top_k", on<TopK, make_top_k>},
    {"loop:cum_sum", on<CumSum, make_cum_sum>},
    {"copy:where", on<Where, make_where>},
    {"copy:cast", on<Cast, make_cast>},
    {"simd:cast", on<Cast, make_bfloat16_cast>},
    {"simd:via_float32", make_via_float32},
};

class CpuBackend final : public Backend {
 public:
  CpuBackend() { hwy::GetChosenTarget().Update(hwy::SupportedTargets()); }
  std::string_view name() const override { return "cpu"; }
  std::span<const KernelRow> kernels() const override { return kRows; }
  std::string fingerprint() const override {
    const int64_t targets = hwy::SupportedTargets();
    return fmt::format("simd {} oneDNN {}{}", hwy::TargetName(targets & -targets), onednn_version(),
                       exact_weight_limit() < 127 ? " without VNNI"
                       : has_bfloat16()           ? " with BF16"
                                                  : "");
  }
  std::optional<std::string> without_bfloat16() const override {
    if (!has_bfloat16()) return "this CPU has no AVX-512 BF16 instructions";
    if (!bfloat16_pays()) return "this CPU's bfloat16 instructions are no faster than float32's";
    return std::nullopt;
  }
};

}  // namespace

Backend& cpu_backend() {
  static CpuBackend backend;
  return backend;
}

}  // namespace tendon
