// The makers of this folder's kernels; kernels.cpp lists them in order.
#pragma once

#include "engine/kernel.h"

namespace tendon::cpu {

Offer make_add_layer_norm(const AddLayerNormalization& op, const KernelRequest& request);
Offer make_attention(const Attention& op, const KernelRequest& request);
Offer make_average_pool(const AveragePool& op, const KernelRequest& request);
Offer make_binary(const Binary& op, const KernelRequest& request);
Offer make_cast(const Cast& op, const KernelRequest& request);
Offer make_concat(const Concat& op, const KernelRequest& request);
Offer make_clip(const Clip& op, const KernelRequest& request);
Offer make_conv_transpose(const ConvTranspose& op, const KernelRequest& request);
Offer make_group_norm(const GroupNormalization& op, const KernelRequest& request);
Offer make_resize(const Resize& op, const KernelRequest& request);
Offer make_conv(const Conv& op, const KernelRequest& request);
Offer make_expand(const Expand& op, const KernelRequest& request);
Offer make_fused_conv(const FusedConv& op, const KernelRequest& request);
Offer make_fused_matmul(const FusedMatMul& op, const KernelRequest& request);
Offer make_gather(const Gather& op, const KernelRequest& request);
Offer make_gemm(const Gemm& op, const KernelRequest& request);
Offer make_global_pool(const GlobalPool& op, const KernelRequest& request);
Offer make_grid_sample(const GridSample& op, const KernelRequest& request);
Offer make_double_conv(const Conv& op, const KernelRequest& request);
Offer make_image_conv(const ImageConv& op, const KernelRequest& request);
Offer make_quantized_image_conv(const QuantizedImageConv& op, const KernelRequest& request);
Offer make_int32_matmul(const MatMul& op, const KernelRequest& request);
Offer make_int16_conv(const QuantizedConv& op, const KernelRequest& request);
Offer make_int16_matmul(const QuantizedMatMul& op, const KernelRequest& request);
Offer make_layer_norm(const LayerNormalization& op, const KernelRequest& request);
Offer make_quantized_layer_norm(const QuantizedLayerNormalization& op,
                                const KernelRequest& request);
Offer make_matmul(const MatMul& op, const KernelRequest& request);
Offer make_max_pool(const MaxPool& op, const KernelRequest& request);
Offer make_dequantize(const DequantizeLinear& op, const KernelRequest& request);
Offer make_quantize(const QuantizeLinear& op, const KernelRequest& request);
Offer make_quantized_conv(const QuantizedConv& op, const KernelRequest& request);
Offer make_quantized_matmul(const QuantizedMatMul& op, const KernelRequest& request);
Offer make_observe(const Observe& op, const KernelRequest& request);
Offer make_reduce(const Reduce& op, const KernelRequest& request);
Offer make_slice(const Slice& op, const KernelRequest& request);
Offer make_softmax(const Softmax& op, const KernelRequest& request);
Offer make_split(const Split& op, const KernelRequest& request);
Offer make_tile(const Tile& op, const KernelRequest& request);
Offer make_transpose(const Transpose& op, const KernelRequest& request);
Offer make_unary(const Unary& op, const KernelRequest& request);
/// Of any operator with bfloat16 inputs or outputs, by the first kernel that takes it in float32.
Offer make_via_float32(const KernelRequest& request);
Offer make_bfloat16_attention(const Attention& op, const KernelRequest& request);
Offer make_bfloat16_binary(const Binary& op, const KernelRequest& request);
Offer make_bfloat16_unary(const Unary& op, const KernelRequest& request);
Offer make_bfloat16_cast(const Cast& op, const KernelRequest& request);
Offer make_widened_conv(const QuantizedConv& op, const KernelRequest& request);
Offer make_widened_matmul(const QuantizedMatMul& op, const KernelRequest& request);
Offer make_arg_reduce(const ArgReduce& op, const KernelRequest& request);
Offer make_binary_loop(const Binary& op, const KernelRequest& request);
Offer make_comparison(const Comparison& op, const KernelRequest& request);
Offer make_cum_sum(const CumSum& op, const KernelRequest& request);
Offer make_gather_at(const GatherAt& op, const KernelRequest& request);
Offer make_log_softmax(const LogSoftmax& op, const KernelRequest& request);
Offer make_pad(const Pad& op, const KernelRequest& request);
Offer make_recurrent(const Recurrent& op, const KernelRequest& request);
Offer make_reduce_loop(const Reduce& op, const KernelRequest& request);
/// Copies updates; make_scatter_combining has the reductions.
Offer make_scatter_at(const ScatterAt& op, const KernelRequest& request);
Offer make_scatter_combining(const ScatterAt& op, const KernelRequest& request);
Offer make_softmax_loop(const Softmax& op, const KernelRequest& request);
Offer make_top_k(const TopK& op, const KernelRequest& request);
Offer make_unary_loop(const Unary& op, const KernelRequest& request);
Offer make_variadic(const Variadic& op, const KernelRequest& request);
Offer make_where(const Where& op, const KernelRequest& request);

// Variants of one kernel, which compete by time; the first of each kind is the usual one.

/// `implementation` counts those that oneDNN has, in its order.
Offer make_nth_conv(const FusedConv& op, const KernelRequest& request, int implementation);
Offer make_nth_int8_conv(const QuantizedConv& op, const KernelRequest& request, int implementation);
Offer make_conv_by_image(const FusedConv& op, const KernelRequest& request);
Offer make_int8_conv_by_image(const QuantizedConv& op, const KernelRequest& request);

enum class ProductVariant { kFirst, kSecond, kConvolution };
Offer make_matmul_variant(const FusedMatMul& op, const KernelRequest& request,
                          ProductVariant variant);
Offer make_int8_matmul_variant(const QuantizedMatMul& op, const KernelRequest& request,
                               ProductVariant variant);

/// How the tiles and channels are shared out; all of them give the same bits.
enum class WinogradSplit { kUsual, kSmallBlocks, kLargeBlocks, kByChannels };
Offer make_winograd_conv(const FusedConv& op, const KernelRequest& request, WinogradSplit split);

}  // namespace tendon::cpu
