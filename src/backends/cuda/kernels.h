// The makers of this folder's kernels; kernels.cpp lists them in order.
#pragma once

#include "engine/kernel.h"

namespace tendon::cuda {

Offer make_add_layer_norm(const AddLayerNormalization& op, const KernelRequest& request);
Offer make_attention(const Attention& op, const KernelRequest& request);
Offer make_binary(const Binary& op, const KernelRequest& request);
Offer make_cast(const Cast& op, const KernelRequest& request);
Offer make_concat(const Concat& op, const KernelRequest& request);
Offer make_conv(const FusedConv& op, const KernelRequest& request);
Offer make_dequantize(const DequantizeLinear& op, const KernelRequest& request);
Offer make_dot(const FusedMatMul& op, const KernelRequest& request);
Offer make_expand(const Expand& op, const KernelRequest& request);
Offer make_image_patch_stem(const ImageConv& op, const KernelRequest& request);
Offer make_image_stem(const ImageConv& op, const KernelRequest& request);
Offer make_int8_conv(const QuantizedConv& op, const KernelRequest& request);
Offer make_int8_matmul(const QuantizedMatMul& op, const KernelRequest& request);
Offer make_int8_normalized_matmul(const QuantizedNormalizedMatMul& op,
                                  const KernelRequest& request);
Offer make_int8_stem(const QuantizedImageConv& op, const KernelRequest& request);
Offer make_interleave(const Transpose& op, const KernelRequest& request);
Offer make_layer_norm(const LayerNormalization& op, const KernelRequest& request);
Offer make_matmul(const FusedMatMul& op, const KernelRequest& request);
Offer make_max_pool(const MaxPool& op, const KernelRequest& request);
/// Of float32 or float16, rounded to the result's codes where that is of another type.
Offer make_max_pool_codes(const MaxPool& op, const KernelRequest& request, float codes_scale);
Offer make_norm_dot(const LayerNormalizationMatMul& op, const KernelRequest& request);
Offer make_normalized_matmul(const NormalizedMatMul& op, const KernelRequest& request);
Offer make_patch_stem(const FusedConv& op, const KernelRequest& request);
Offer make_product(const FusedMatMul& op, const KernelRequest& request);
Offer make_quantize(const QuantizeLinear& op, const KernelRequest& request);
Offer make_quantized_layer_norm(const QuantizedLayerNormalization& op,
                                const KernelRequest& request);
Offer make_slice(const Slice& op, const KernelRequest& request);
Offer make_stem(const FusedConv& op, const KernelRequest& request);
Offer make_stem_group(const ImageConv& op, const KernelRequest& request);
Offer make_stem_pool(const ImageConv& op, const KernelRequest& request);
Offer make_stem_then_pool(const ImageConv& op, const KernelRequest& request);
Offer make_transpose(const Transpose& op, const KernelRequest& request);
Offer make_window(const FusedConv& op, const KernelRequest& request);
Offer make_unary(const Unary& op, const KernelRequest& request);
Offer make_wgmma_attention(const Attention& op, const KernelRequest& request);
Offer make_wgmma_conv(const FusedConv& op, const KernelRequest& request);
Offer make_wgmma_int8_conv(const QuantizedConv& op, const KernelRequest& request);
Offer make_wgmma_int8_matmul(const QuantizedMatMul& op, const KernelRequest& request);
Offer make_wgmma_int8_norm(const QuantizedNormalizedMatMul& op, const KernelRequest& request);
Offer make_wgmma_int8_patch(const QuantizedConv& op, const KernelRequest& request);
Offer make_wgmma_matmul(const FusedMatMul& op, const KernelRequest& request);
Offer make_wgmma_norm(const NormalizedMatMul& op, const KernelRequest& request);
Offer make_wgmma_patch(const FusedConv& op, const KernelRequest& request);

}  // namespace tendon::cuda
