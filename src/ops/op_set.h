// The closed set of operators: one include and one word a member.
#pragma once

#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include "ops/add_layer_normalization.h"
#include "ops/arg_reduce.h"
#include "ops/attention.h"
#include "ops/average_pool.h"
#include "ops/batch_normalization.h"
#include "ops/binary.h"
#include "ops/cast.h"
#include "ops/clip.h"
#include "ops/comparison.h"
#include "ops/concat.h"
#include "ops/constant_of_shape.h"
#include "ops/conv.h"
#include "ops/conv_transpose.h"
#include "ops/cum_sum.h"
#include "ops/dequantize_linear.h"
#include "ops/einsum.h"
#include "ops/expand.h"
#include "ops/flatten.h"
#include "ops/fused_conv.h"
#include "ops/fused_matmul.h"
#include "ops/gather.h"
#include "ops/gather_at.h"
#include "ops/gemm.h"
#include "ops/global_pool.h"
#include "ops/grid_sample.h"
#include "ops/group_normalization.h"
#include "ops/identity.h"
#include "ops/image_conv.h"
#include "ops/layer_normalization.h"
#include "ops/layer_normalization_matmul.h"
#include "ops/log_softmax.h"
#include "ops/matmul.h"
#include "ops/max_pool.h"
#include "ops/mod.h"
#include "ops/non_zero.h"
#include "ops/normalized_matmul.h"
#include "ops/observe.h"
#include "ops/pad.h"
#include "ops/quantize_linear.h"
#include "ops/quantized_conv.h"
#include "ops/quantized_image_conv.h"
#include "ops/quantized_layer_normalization.h"
#include "ops/quantized_matmul.h"
#include "ops/quantized_normalized_matmul.h"
#include "ops/range.h"
#include "ops/recurrent.h"
#include "ops/reduce.h"
#include "ops/reshape.h"
#include "ops/resize.h"
#include "ops/scatter_at.h"
#include "ops/shape_of.h"
#include "ops/slice.h"
#include "ops/softmax.h"
#include "ops/split.h"
#include "ops/squeeze.h"
#include "ops/tile.h"
#include "ops/top_k.h"
#include "ops/transpose.h"
#include "ops/unary.h"
#include "ops/unsqueeze.h"
#include "ops/variadic.h"
#include "ops/where.h"

namespace tendon {

template <Operator... Members>
using OpSet = std::variant<Members...>;

using Operators =
    OpSet<AddLayerNormalization, ArgReduce, Attention, AveragePool, BatchNormalization, Binary,
          Cast, CastLike, Clip, Comparison, Concat, ConstantOfShape, Conv, ConvTranspose, CumSum,
          DequantizeLinear, Einsum, Expand, Flatten, FusedConv, FusedMatMul, Gather, GatherAt, Gemm,
          GlobalPool, GridSample, GroupNormalization, Identity, ImageConv, LayerNormalization,
          LayerNormalizationMatMul, LogSoftmax, MatMul, MaxPool, Mod, NonZero, NormalizedMatMul,
          Observe, Pad, QuantizeLinear, QuantizedConv, QuantizedImageConv,
          QuantizedLayerNormalization, QuantizedMatMul, QuantizedNormalizedMatMul, Range, Recurrent,
          Reduce, Reshape, Resize, ScatterAt, ShapeOf, Slice, Softmax, Split, Squeeze, Tile, TopK,
          Transpose, Unary, Unsqueeze, Variadic, Where>;

template <class T, class Set>
inline constexpr bool kIsMember = false;
template <class T, class... Members>
inline constexpr bool kIsMember<T, std::variant<Members...>> = (std::is_same_v<T, Members> || ...);

/// One operator of the set. Copies, moves and comparisons are compiled once, in op_set.cpp, instead
/// of by everybody who holds a node.
struct Op : Operators {
  Op();
  Op(const Op&);
  Op(Op&&) noexcept;
  Op& operator=(const Op&);
  Op& operator=(Op&&) noexcept;
  ~Op();
  template <class T>
  requires kIsMember<T, Operators> Op(T member) : Op(from(std::move(member))) {}

  bool operator==(const Op& other) const;

  template <class T>
  static Op from(T member);
};

/// Points at every Op::from, which compiles them all in op_set.cpp.
template <class Set>
struct Makers;
extern const Makers<Operators> kMakers;

/// The operator's name in ONNX, such as "Conv".
std::string_view type_of(const Op& op);
/// "" for ONNX's default domain, kTendonDomain for operators made by passes.
std::string_view domain_of(const Op& op);
/// All attributes by their ONNX names, defaults included.
Attributes attributes_of(const Op& op);
/// Output types. Throws Error without the node's name.
std::vector<TensorType> infer(const Op& op, Arguments arguments);
/// Outputs by plain loops. Throws Error without the node's name.
std::vector<Tensor> reference(const Op& op, std::span<const Tensor> inputs);
/// Outputs that follow from the input types alone (such as Shape's), where the operator has any.
std::optional<std::vector<Tensor>> value_from_types(const Op& op, Arguments arguments);
/// The operator of an ONNX node, or nothing when no member accepts its domain and type. Also reads
/// back what type_of, domain_of and attributes_of gave.
std::optional<Op> op_from_onnx(const OnnxNode& node);
/// "Conv(group=1, strides=[2, 2])": attributes that differ from their defaults.
std::string to_string(const Op& op);

template <class T>
const T* get_if(const Op& op) {
  return std::get_if<T>(&op);
}

}  // namespace tendon
