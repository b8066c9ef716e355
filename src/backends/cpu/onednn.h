// The only door to oneDNN: convolutions and matrix products with what follows them.
#pragma once

#include <string>
#include <vector>

#include "backends/cpu/support.h"
#include "ops/activation.h"

namespace tendon::cpu {

/// One tensor of a problem, its axes in oneDNN's order (N, C, spatial… or batch…, M, N).
struct OnednnOperand {
  /// Index among the node's inputs.
  size_t input = 0;
  std::vector<int64_t> dims;
  /// In elements, one an axis.
  std::vector<int64_t> strides;
  DataType dtype = DataType::kFloat32;
};

/// What turns sums of 8-bit products into y.
struct OnednnScales {
  /// Node input of `channels`.
  size_t input = 0;
  /// One for each output channel: the sums are multiplied by it.
  const Tensor* channels = nullptr;
  /// The residual's codes are multiplied by it.
  float residual = 1;
  /// An 8-bit y is divided by it.
  float y = 1;
};

/// y = activation(x * weight + bias + residual + addends), in float32 or bfloat16 (then y, bias,
/// residual and addends may be float32) unless there are scales.
struct OnednnProblem {
  OnednnOperand x;
  OnednnOperand weight;
  /// Of one dimension: a value an output channel.
  std::optional<OnednnOperand> bias;
  /// The bias's elements; needed where there are scales.
  const Tensor* bias_value = nullptr;
  /// Node input of y's shape that the kernel sums to in place, or copies to y first.
  std::optional<size_t> residual;
  DataType residual_dtype = DataType::kFloat32;
  /// Each of y's rank, its axes of y's sizes or 1.
  std::vector<OnednnOperand> addends;
  OnednnOperand y;
  Activation activation = Activation::kNone;
  /// The weight's elements, to be packed once; null when they are computed while running.
  const Tensor* weight_value = nullptr;
  /// As in the request.
  Packing* packing = nullptr;
  /// x is uint8 or int8, the weight a constant int8, y float32, bfloat16 or 8 bits.
  std::optional<OnednnScales> scales;
  int threads = 1;
  /// Which of oneDNN's implementations, in its own order; declined where there are fewer, or where
  /// only plain loops are left.
  int implementation = 0;
};

/// Spatial attributes, one entry an axis; a dilation of 1 is dense.
struct OnednnWindow {
  std::vector<int64_t> strides;
  std::vector<int64_t> dilations;
  std::vector<int64_t> pads_begin;
  std::vector<int64_t> pads_end;
};

/// The weight is [O,I,spatial…] or [G,O/G,I/G,spatial…].
Offer onednn_convolution(const OnednnProblem& problem, const OnednnWindow& window);
/// The transpose of a convolution; the weight's axes as above, with O the channels of y.
Offer onednn_deconvolution(const OnednnProblem& problem, const OnednnWindow& window);
/// The product is multiplied by alpha before anything is added.
Offer onednn_product(const OnednnProblem& problem, float alpha);
/// "2.6.3"
std::string onednn_version();
/// The largest magnitude of int8 weights whose products with 8-bit codes are exact on this CPU. The
/// 8-bit instructions before VNNI add two products in 16 bits, which hold 2 * 255 * 63; there
/// oneDNN also halves the weights of convolutions that read int8, so that they must be doubled.
int exact_weight_limit();

/// Strides of a dense tensor.
std::vector<int64_t> dense_strides(std::span<const int64_t> dims);

}  // namespace tendon::cpu
