// The expansions that expand.cpp lists, each with what it draws.
#pragma once

#include "onnx/expand.h"

namespace tendon {

/// Softmax(x, axis) of opset 12 and before, which is taken over all axes from `axis` on:
/// x -> Flatten(axis) -> Softmax(-1) -> Reshape(Shape(x)). LogSoftmax alike.
void expand_flat_softmax(const OnnxNode& node, Expansion& expansion);

/// Dropout at inference: x -> Identity, and a mask of ones where it is asked for.
void expand_dropout(const OnnxNode& node, Expansion& expansion);

// expand_indexing.cpp

/// Trilu(x, k): Where(column - row >= k, x, 0); the lower triangle keeps <= k.
void expand_trilu(const OnnxNode& node, Expansion& expansion);
/// EyeLike(x): Cast(column - row = k).
void expand_eye_like(const OnnxNode& node, Expansion& expansion);
/// OneHot(indices, depth, values): Where(indices along a new axis = 0, 1, …, on, off).
void expand_one_hot(const OnnxNode& node, Expansion& expansion);
/// Hardmax(x): Cast(ArgMax(x) = 0, 1, … along the axis).
void expand_hardmax(const OnnxNode& node, Expansion& expansion);
/// Compress(x, condition): Gather(x, NonZero(condition)).
void expand_compress(const OnnxNode& node, Expansion& expansion);
/// ReverseSequence(x, lengths): GatherElements at length - 1 - t before the length, else at t.
void expand_reverse_sequence(const OnnxNode& node, Expansion& expansion);
/// Scatter, the older name of ScatterElements.
void expand_scatter(const OnnxNode& node, Expansion& expansion);
/// Size(x): the product of Shape(x).
void expand_size(const OnnxNode& node, Expansion& expansion);

// expand_images.cpp

/// DepthToSpace(x): Reshape, Transpose, Reshape. SpaceToDepth alike.
void expand_depth_to_space(const OnnxNode& node, Expansion& expansion);
void expand_space_to_depth(const OnnxNode& node, Expansion& expansion);
/// Upsample(x, scales), and Resize of opset 10, which is the same: Resize with asymmetric
/// coordinates that are rounded down.
void expand_upsample(const OnnxNode& node, Expansion& expansion);
/// LpPool(x, p): (mean of |x|^p over the window * its size)^(1/p).
void expand_lp_pool(const OnnxNode& node, Expansion& expansion);

// expand_normalization.cpp

/// GroupNormalization before opset 21, whose scale and bias are one number a group.
void expand_group_normalization(const OnnxNode& node, Expansion& expansion);
/// RMSNormalization(x, scale): x / Sqrt(ReduceMean(x * x) + epsilon) * scale.
void expand_rms_normalization(const OnnxNode& node, Expansion& expansion);
/// MeanVarianceNormalization(x): (x - mean) / (deviation + 1e-9).
void expand_mean_variance_normalization(const OnnxNode& node, Expansion& expansion);
/// LRN(x): x / (bias + alpha * mean of x * x over neighbouring channels)^beta.
void expand_lrn(const OnnxNode& node, Expansion& expansion);

// expand_elementwise.cpp

/// IsNaN(x): Not(x = x).
void expand_is_nan(const OnnxNode& node, Expansion& expansion);
/// IsInf(x): Abs(x) = infinity, or x itself where one sign counts.
void expand_is_inf(const OnnxNode& node, Expansion& expansion);
/// Swish(x), and ONNX Runtime's QuickGelu: x * Sigmoid(alpha * x).
void expand_swish(const OnnxNode& node, Expansion& expansion);
/// HannWindow, HammingWindow and BlackmanWindow: a0 - a1 cos(2 pi n / N) + a2 cos(4 pi n / N).
void expand_window(const OnnxNode& node, Expansion& expansion);

// expand_losses.cpp

/// NegativeLogLikelihoodLoss(x, target, weight): -GatherElements(x, target) * Gather(weight,
/// target) without what is ignored, then its sum or weighted mean.
void expand_negative_log_likelihood_loss(const OnnxNode& node, Expansion& expansion);
/// SoftmaxCrossEntropyLoss: NegativeLogLikelihoodLoss(LogSoftmax(scores)).
void expand_softmax_cross_entropy_loss(const OnnxNode& node, Expansion& expansion);

// expand_quantized.cpp

/// QLinearConv: QuantizeLinear(Conv(DequantizeLinear(x), DequantizeLinear(w))), from which passes
/// make an INT8 convolution. QLinearMatMul alike.
void expand_qlinear_conv(const OnnxNode& node, Expansion& expansion);
void expand_qlinear_mat_mul(const OnnxNode& node, Expansion& expansion);
/// ConvInteger: Cast(Conv(x - x_zero, w - w_zero)) in float64, which holds every sum.
void expand_conv_integer(const OnnxNode& node, Expansion& expansion);
/// MatMulInteger: MatMul(a - a_zero, b - b_zero) in int32.
void expand_mat_mul_integer(const OnnxNode& node, Expansion& expansion);
/// DynamicQuantizeLinear: QuantizeLinear with the range of x.
void expand_dynamic_quantize_linear(const OnnxNode& node, Expansion& expansion);

// expand_onnxruntime.cpp

/// FusedMatMul(a, b): alpha * Einsum, which names the transposed axes.
void expand_ort_fused_mat_mul(const OnnxNode& node, Expansion& expansion);
/// Gelu, BiasGelu and FastGelu (by tanh): Gelu(x + bias).
void expand_ort_gelu(const OnnxNode& node, Expansion& expansion);
/// SkipLayerNormalization: LayerNormalization(x + skip + bias).
void expand_ort_skip_layer_normalization(const OnnxNode& node, Expansion& expansion);
/// FusedConv and FusedGemm: an activation behind.
void expand_ort_fused_conv(const OnnxNode& node, Expansion& expansion);
void expand_ort_fused_gemm(const OnnxNode& node, Expansion& expansion);
/// Attention without mask and past: MatMul, Split, Softmax(q k / sqrt(d)) v.
void expand_ort_attention(const OnnxNode& node, Expansion& expansion);

}  // namespace tendon
