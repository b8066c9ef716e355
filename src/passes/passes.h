// Every pass, each under its drawing: before -> after.
#pragma once

#include "ir/graph.h"

namespace tendon {

// Each returns whether it changed the graph. All types must be inferred; they stay so. A rewrite
// that would hide a value which something else reads is left out.

/// c1, c2 -> Add -> y   ->   y constant
/// x -> Shape -> s      ->   s constant
/// Nodes whose outputs follow from constants and shapes are computed by their references, as long
/// as the results stay within limits().max_folded_bytes.
bool fold_constants(Graph& graph);
/// The same for integer and bool results alone: shape arithmetic, but no weights.
bool fold_shape_arithmetic(Graph& graph);

/// x -> A -> y (output)             x -> A -> y
///      A -> B -> nothing      ->
bool remove_dead_code(Graph& graph);

/// x -> Identity | Cast to its type | Expand to its shape | Tile by 1 | Pad by 0 | Concat of one |
///      + 0 | - 0 | * 1 | / 1 -> y      ->      x = y
/// CastLike(x, y) -> Cast(x)
bool remove_identities(Graph& graph);

/// Einsum(a, b) -> MatMul(Reshape(Transpose(a)), Reshape(Transpose(b))) -> Reshape -> Transpose,
/// with ReduceSum before it over what one operand alone has. Einsum(a) alike, without the product.
bool expand_einsum(Graph& graph);

/// x -> A -> y                x -> A -> y
/// x -> A -> z           ->            y = z
/// Equal constants become one as well.
bool eliminate_common_subexpressions(Graph& graph);

/// x -> Reshape -> Transpose -> Squeeze -> Transpose -> y   ->   x -> Reshape -> Transpose ->
/// Reshape -> y, with as few of the three as the order of the elements asks for. A Transpose that
/// only moves axes of size 1 becomes a Reshape.
bool merge_views(Graph& graph);

/// a, b -> Concat -> Transpose -> Gather(one) -> y   ->   b -> Gather -> Transpose -> y
/// A selection moves up through Concat, Transpose, Reshape and other selections, until operands
/// that nothing selects have no reader.
bool push_selections(Graph& graph);

/// x -> Gather(0) -> Reshape -\                .
/// x -> Gather(1) -> Reshape --> Concat -> y   ->   x -> Reshape -> Transpose -> Reshape -> y
/// x -> Gather(2) -> Reshape -/                .
/// Also for Slice and Split, and for a run of operands among others.
bool reroll_unbind(Graph& graph);

/// a -> Conv(w) -> Relu -> y      a, b -> Concat(axis 0) -> Conv(w) -> Relu -> Split(axis 0) -> y,
/// z b -> Conv(w) -> Relu -> z  -> Branches with the same weights, such as the cameras of a policy
/// that share a backbone, as far as their operators work on each sample alone.
bool batch_shared_branches(Graph& graph);

/// x -> Conv(w, b) -> BatchNormalization -> y   ->   x -> Conv(w', b') -> y
/// Also after Gemm. Elsewhere it becomes * c -> + d.
bool fold_batch_norm(Graph& graph);

/// x -> Conv(w) -> * c -> + d -> y      ->   x -> Conv(w * c, d) -> y
/// x -> MatMul(w) -> + b -> * c -> y    ->   x -> MatMul(w * c) -> + b * c -> y
/// x -> * c -> Conv(w) -> y             ->   x -> Conv(w * c) -> y
/// For Conv, Gemm and MatMul by constants, and constants that vary with the channel alone. A
/// Transpose may lie before * c. A GELU written out keeps its half.
bool fold_mul_add(Graph& graph);

/// d = x - ReduceMean(x); d / Sqrt(ReduceMean(d^2) + e) * w + b   ->   LayerNormalization(x, w, b)
bool fuse_layer_normalization(Graph& graph);

/// x * 0.5 * (1 + Erf(x / sqrt(2)))   ->   Gelu(x), and its tanh form
bool fuse_gelu(Graph& graph);

/// q -> heads -\                                 .
/// k -> heads --> MatMul -> Softmax -> MatMul -> y   ->   q, k, v -> Attention -> heads -> y
/// v -> heads ------------------------/           .
/// "heads" stands for the Reshapes and Transposes that split the heads. The scale may sit on q, on
/// k, on both or on the product.
bool fuse_attention(Graph& graph);

/// x -> Reshape -> MatMul | Gemm -> + bias -> Reshape -> + residual -> Relu | Gelu -> y   ->
/// x -> FusedMatMul(bias, residual, activation) -> y
bool fuse_matmul(Graph& graph);

/// q, x -> FusedMatMul(w, b) -> Attention -> y   ->   q, x -> FusedMatMul(w) -> Attention -> y
/// Where the product makes the keys: a row b adds the same to all scores of a query, which softmax
/// ignores. Also QuantizedMatMul, and keys of a Softmax over scores with factors and masks between.
bool drop_key_bias(Graph& graph);

/// x -> FusedMatMul(v, b) -> Attention -> FusedMatMul(w, c) -> y   ->
/// x -> FusedMatMul(v) ----> Attention -> FusedMatMul(w, c + b w) -> y
/// Where the first product makes the values: the rows of a softmax sum to 1. Also QuantizedMatMul
/// before the attention; one behind it reads codes, whose range the bias belongs to.
bool fold_value_bias(Graph& graph);

/// x -> FusedMatMul(w, b) -> Attention(s) -> y   ->   x -> FusedMatMul(s w, s b) -> Attention(1) ->
/// y Where the product makes the queries alone, from constants of its own (a constant residual,
/// such as positions, times s too). Of a QuantizedMatMul scales and bias are multiplied, not the
/// codes.
bool fold_attention_scale(Graph& graph);

/// x -> LayerNormalization(g, b) -> FusedMatMul(w, c) -> y   ->
/// x -> LayerNormalization(1) ----> FusedMatMul(g w, c + b w) -> y
/// Where products with weights of their own alone read the normalization.
bool fold_layer_normalization(Graph& graph);

/// x -> + p -> FusedMatMul(w, b) -> y   ->   x -> FusedMatMul(w, b + p w) -> y
/// Where products with constants alone read the sum, and p is a row or as large as x.
bool fold_summands(Graph& graph);

/// x -> + p -> Q(s) -> QuantizedMatMul(w, b) -> y   ->
/// x ------> Q(t) -> QuantizedMatMul(w, b + p w) -> y
/// Where x becomes codes by another scale already; s_x * s_w becomes t * s_w.
bool fold_quantized_summands(Graph& graph);

/// x -> FusedMatMul(wq, bq) -\                       x -> FusedMatMul(wq | wk | wv, bq | bk | bv)
/// x -> FusedMatMul(wk, bk) --> Attention -> y   ->     -> Attention(columns of one tensor) -> y
/// x -> FusedMatMul(wv, bv) -/                       .
/// Also two of them, and QuantizedMatMul. Of the keys' bias its mean over the rows is left out:
/// softmax ignores it.
bool join_projections(Graph& graph);

/// f -> FusedMatMul(p, b) -> t -> FusedMatMul(w, c) -> Attention -> NormalizedMatMul(t) -> y   ->
/// f -> FusedMatMul(p | p w, b | b w + c) -> s -> Attention(columns) -> NormalizedMatMul(s) -> y
/// Where t is joined of such products, 1x1 convolutions and constants, by a Concat along its rows,
/// and f has few more columns than t, if any. Also of codes; p w is rounded to 8 bits then.
bool merge_projections(Graph& graph);

/// x -> Conv -> + residual -> Relu | Gelu -> y   ->   x -> FusedConv(residual, activation) -> y
bool fuse_conv(Graph& graph);

/// x, r -> Add -> LayerNormalization -> y   ->   x, r -> AddLayerNormalization -> y
bool fuse_add_layer_normalization(Graph& graph);

/// x -> FusedConv -> y   ->   x -> Transpose -> FusedConv(channels_last) -> Transpose -> y
/// The same for pools. merge_views then cancels the Transposes between two of them.
bool channels_last(Graph& graph);

/// x -> Q(uint8, 128) -> DQ(128) -> y   ->   x -> Q(int8, 0) -> DQ(0) -> y
/// x -> DQ(z) -> Conv(DQ(w), b) -> y    ->   x -> DQ(0) -> Conv(DQ(w), b - s * z * sum(w)) -> y
/// Also constants by the first rule, Gemm and MatMul by the second, which writes the pads of a Conv
/// out as codes z.
bool remove_zero_points(Graph& graph);

/// x -> Move -> Q -> y          x -> Q -> Move -> y
/// x -> DQ -> Move -> y   ->    x -> Move -> DQ -> y
/// x -> DQ -> Q -> y            x = y, where both have the same scale
/// "Move" stands for Reshape-like nodes, Transpose, MaxPool and, upwards, Concat; "Q" and "DQ" for
/// QuantizeLinear and DequantizeLinear by tensor with zero point 0.
bool push_quantizers(Graph& graph);

/// x -> DQ -\                        .
/// w -> DQ --> FusedConv(b, r) -> y  ->  x, w -> QuantizedConv(s_x * s_w, b, r) -> y
/// Also FusedMatMul. w is an int8 constant with one scale, or one an output channel.
bool fuse_quantized(Graph& graph);

/// x -> QuantizedConv -> Q -> y       ->   x -> QuantizedConv(y_scale) -> y
/// r -> DQ --> QuantizedConv -> Q -> y  ->   r --> QuantizedConv(residual_scale, y_scale) -> y
/// Also QuantizedMatMul. A float residual keeps the result float.
bool fuse_requantization(Graph& graph);

/// x -> LayerNormalization -> y       ->   x -> QuantizedLayerNormalization(y_scale) -> y, c
///                    \-> Q -> c
bool fuse_quantized_layer_normalization(Graph& graph);

/// w -> DQ -> y   ->   y constant, unless fuse_quantized may still take it
bool fold_dequantized(Graph& graph);

/// x (uint8) -> Cast -> - c -> Transpose to channels last -> FusedConv -> y   ->
/// x -> ImageConv(c) -> y
/// Of the nodes before the convolution any may be missing, but not all. A MaxPool of 3x3 windows
/// with stride 2 after it goes into it as well, with a Q in between.
bool fuse_images(Graph& graph);

/// x (uint8) -> Cast -> * f -> ImageConv(w, b, c) -> y   ->   x -> ImageConv(w f, b, c / f) -> y
/// Also Div, and Reshapes between images of several cameras and a batch.
bool fold_image_scale(Graph& graph);

/// x -> - c -> Q -> Concat(., i) -> Transpose to channels last -> QuantizedConv -> MaxPool -> y ->
/// x -> QuantizedImageConv(c, i) -> y
/// Where the pool has 3x3 windows with stride 2. A Cast of bytes before it, and a Transpose to
/// channels first before that, go into it as well.
bool fuse_quantized_images(Graph& graph);

/// x -> LayerNormalization(g, h) -> LayerNormalization(1) -> FusedMatMul(w, b) -> y   ->
/// x -> LayerNormalizationMatMul(w, b, g, h) -> y
/// Where the product has few columns and alone reads what is normalised; also without the first.
bool fuse_layer_normalization_matmul(Graph& graph);

/// x -> FusedMatMul(w, b, r) -> LayerNormalization -> y   ->   x -> NormalizedMatMul(w, b, r) -> y
/// Where a product reads y. A QuantizedMatMul becomes a QuantizedNormalizedMatMul, and both write
/// the codes of a QuantizedLayerNormalization.
bool fuse_normalized_matmul(Graph& graph);

/// x -> Transpose -> Add(c) -> y   ->   x -> Add(c') -> Transpose -> y
/// For elementwise nodes, Observe and Concat whose inputs are all channels-first views of
/// channels-last images or constants, and a Reshape of several cameras' images to a batch.
bool push_transposes(Graph& graph);

/// x -> Transpose -> rows, t -> Concat -> + p -> attention -> y   ->
/// x -> Reshape -> rows', t -> Concat -> + p' -> attention -> y
/// Where rows are only made one by one and summed over by attention: their order reaches no output.
bool order_tokens(Graph& graph);

}  // namespace tendon
