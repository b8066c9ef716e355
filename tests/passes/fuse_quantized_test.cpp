// Q and DQ around convolutions and products become integer operators.
#include "passes/passes.h"
#include "passes/pipeline.h"
#include "support/rewrites.h"

namespace tendon {
namespace {

using ::testing::ElementsAre;
using testing::GraphBuilder;
using testing::rewritten;
using testing::the;
using testing::the_op;
using testing::types_of;

/// One value's codes and the floats that they stand for.
ValueId quantized(GraphBuilder& b, ValueId x, float scale, DataType type = DataType::kInt8) {
  const ValueId factor = b.constant(Tensor::scalar(scale));
  const ValueId zero = b.constant(cast(Tensor::scalar<int64_t>(0), type));
  const ValueId codes = b.node(QuantizeLinear{}, {x, factor, zero});
  return b.node(DequantizeLinear{}, {codes, factor, zero});
}

/// An int8 constant with one scale for each index of `axis`.
ValueId quantized_weight(GraphBuilder& b, const Shape& shape, int64_t axis) {
  Tensor codes(DataType::kInt8, shape);
  int next = 0;
  for (int8_t& code : codes.mutable_data<int8_t>()) {
    code = static_cast<int8_t>(next++ * 37 % 255 - 127);
  }
  std::vector<float> scales;
  for (int64_t i = 0; i < shape[static_cast<int>(axis)]; ++i) {
    scales.push_back(0.001f * static_cast<float>(i + 1));
  }
  const ValueId scale = b.constant(Tensor::from<float>({shape[static_cast<int>(axis)]}, scales));
  return b.node(DequantizeLinear{.axis = axis}, {b.constant(codes), scale});
}

FusedConv conv_with(Activation activation) {
  FusedConv conv;
  conv.pads = {1, 1, 1, 1};
  conv.activation = activation;
  return conv;
}

// rewrite FusedConv(DQ(Q(x)), DQ(w), b) -> QuantizedConv(Q(x), w, scale, b)
TEST(FuseQuantized, AConvolutionWithScalesByChannel) {
  GraphBuilder b;
  const ValueId x = quantized(b, b.input("x", {1, 4, 5, 5}), 0.02f);
  b.output(b.node(conv_with(Activation::kRelu),
                  {x, quantized_weight(b, {6, 4, 3, 3}, 0), b.random_constant({6})}));
  const Graph after = rewritten(b.done(), fuse_quantized);
  EXPECT_THAT(types_of(after), ElementsAre("QuantizeLinear", "QuantizedConv"));
  EXPECT_FLOAT_EQ(after.value(the<QuantizedConv>(after).inputs[2]).constant->data<float>()[2],
                  0.02f * 0.003f);
}

// rewrite FusedMatMul(DQ(Q(x)), DQ(w)) -> QuantizedMatMul, the weight stored either way
TEST(FuseQuantized, AProductEitherWay) {
  for (const bool trans_b : {false, true}) {
    GraphBuilder b;
    const ValueId x = quantized(b, b.input("x", {3, 2, 8}), 0.02f);
    const ValueId w = trans_b ? quantized_weight(b, {6, 8}, 0) : quantized_weight(b, {8, 6}, 1);
    b.output(
        b.node(FusedMatMul{.trans_b = trans_b, .alpha = 0.5f}, {x, w, b.random_constant({6})}));
    const Graph after = rewritten(b.done(), fuse_quantized);
    EXPECT_THAT(types_of(after), ElementsAre("QuantizeLinear", "QuantizedMatMul"));
  }
}

TEST(FuseQuantized, ScalesAlongTheSumsAreLeft) {
  GraphBuilder b;
  const ValueId x = quantized(b, b.input("x", {3, 8}), 0.02f);
  b.output(b.node(FusedMatMul{}, {x, quantized_weight(b, {8, 6}, 0)}));
  testing::expect_unchanged(b.done(), fuse_quantized);
}

TEST(FuseQuantized, AZeroPointIsLeft) {
  GraphBuilder b;
  const ValueId factor = b.constant(Tensor::scalar(0.02f));
  const ValueId zero = b.constant(Tensor::scalar<uint8_t>(3));
  const ValueId codes = b.node(QuantizeLinear{}, {b.input("x", {3, 8}), factor, zero});
  const ValueId x = b.node(DequantizeLinear{}, {codes, factor, zero});
  b.output(b.node(FusedMatMul{}, {x, quantized_weight(b, {8, 6}, 1)}));
  testing::expect_unchanged(b.done(), fuse_quantized);
}

// rewrite Q(QuantizedConv(x, w, r = DQ(codes))) -> QuantizedConv(x, w, codes) that writes codes
TEST(FuseRequantization, TheResultAndTheResidualAreCodes) {
  GraphBuilder b;
  const ValueId x = quantized(b, b.input("x", {1, 6, 5, 5}), 0.02f);
  const ValueId y = b.node(conv_with(Activation::kRelu),
                           {x, quantized_weight(b, {6, 6, 3, 3}, 0), b.random_constant({6}), x});
  b.output(quantized(b, y, 0.05f, DataType::kUInt8));
  const Graph after = rewritten(b.done(), {fuse_quantized, fuse_requantization});
  EXPECT_THAT(types_of(after), ElementsAre("QuantizeLinear", "QuantizedConv", "DequantizeLinear"));
  const QuantizedConv& op = the_op<QuantizedConv>(after);
  EXPECT_EQ(op.y_dtype, DataType::kUInt8);
  EXPECT_FLOAT_EQ(op.y_scale, 0.05f);
  EXPECT_FLOAT_EQ(op.residual_scale, 0.02f);
}

TEST(FuseRequantization, AFloatResidualKeepsTheResultFloat) {
  GraphBuilder b;
  const ValueId x = quantized(b, b.input("x", {1, 6, 5, 5}), 0.02f);
  const ValueId y =
      b.node(conv_with(Activation::kRelu), {x, quantized_weight(b, {6, 6, 3, 3}, 0),
                                            b.random_constant({6}), b.input("r", {1, 6, 5, 5})});
  b.output(quantized(b, y, 0.05f, DataType::kUInt8));
  const Graph after = rewritten(b.done(), {fuse_quantized, fuse_requantization});
  EXPECT_EQ(the_op<QuantizedConv>(after).y_dtype, DataType::kFloat32);
}

// rewrite y = LayerNormalization(x), Q(y) -> y, c = QuantizedLayerNormalization(x)
TEST(FuseQuantizedLayerNormalization, ItsCodesStandBesideItsResult) {
  for (const bool read_as_codes : {true, false}) {
    GraphBuilder b;
    const ValueId x = b.input("x", {3, 8});
    const ValueId y = b.node(LayerNormalization{}, {x, b.random_constant({8})});
    const ValueId scale = b.constant(Tensor::scalar(0.02f));
    const ValueId zero = b.constant(cast(Tensor::scalar<int64_t>(0), DataType::kUInt8));
    if (read_as_codes) b.output(b.node(QuantizeLinear{}, {y, scale, zero}));
    b.output(b.node(Unary::of(UnaryKind::kTanh), {y}));
    const Graph before = b.done();
    if (!read_as_codes) {
      testing::expect_unchanged(before, fuse_quantized_layer_normalization);
      continue;
    }
    const Graph after = rewritten(before, {fuse_quantized_layer_normalization});
    EXPECT_THAT(types_of(after), ElementsAre("QuantizedLayerNormalization", "Tanh"));
    const auto& op = the_op<QuantizedLayerNormalization>(after);
    EXPECT_EQ(op.y_dtype, DataType::kUInt8);
    EXPECT_FLOAT_EQ(op.y_scale, 0.02f);
  }
}

// rewrite Q(MaxPool(x)) -> MaxPool(Q(x)); MaxPool(DQ(q)) -> DQ(MaxPool(q)); Q(DQ(q)) -> q
TEST(PushQuantizers, PoolingHappensOnCodes) {
  GraphBuilder b;
  MaxPool pool;
  pool.kernel_shape = {2, 2};
  const ValueId x = b.input("x", {1, 2, 4, 4});
  const ValueId pooled = b.node(pool, {quantized(b, x, 0.02f)});
  b.output(quantized(b, pooled, 0.02f));
  const Graph after = rewritten(b.done(), push_quantizers);
  EXPECT_THAT(types_of(after), ElementsAre("QuantizeLinear", "MaxPool", "DequantizeLinear"));
  EXPECT_EQ(after.type(the<MaxPool>(after).inputs[0]).dtype, DataType::kInt8);
}

// rewrite Q(Concat(a, b)) -> Concat(Q(a), Q(b))
TEST(PushQuantizers, ConcatJoinsCodes) {
  GraphBuilder b;
  const ValueId joined =
      b.node(Concat{.axis = 1}, {b.input("x", {1, 2, 4}), b.random_constant({1, 1, 4})});
  b.output(quantized(b, joined, 0.02f));
  const Graph after = rewritten(b.done(), push_quantizers);
  EXPECT_EQ(after.type(the<Concat>(after).inputs[0]).dtype, DataType::kInt8);
}

TEST(PushQuantizers, AnotherScaleIsNoIdentity) {
  GraphBuilder b;
  b.output(quantized(b, quantized(b, b.input("x", {4}), 0.02f), 0.03f));
  testing::expect_unchanged(b.done(), push_quantizers);
}

// rewrite MatMul(x, DQ(w)) -> MatMul(x, w')
TEST(FoldDequantized, AWeightWithoutAnIntegerKernelBecomesFloat) {
  GraphBuilder b;
  b.output(b.node(FusedMatMul{}, {b.input("x", {3, 8}), quantized_weight(b, {8, 6}, 1)}));
  EXPECT_THAT(types_of(rewritten(b.done(), fold_dequantized)), ElementsAre("FusedMatMul"));
}

TEST(FoldDequantized, AWeightThatCodesMeetIsLeft) {
  GraphBuilder b;
  const ValueId x = quantized(b, b.input("x", {3, 8}), 0.02f);
  b.output(b.node(FusedMatMul{}, {x, quantized_weight(b, {8, 6}, 1)}));
  testing::expect_unchanged(b.done(), fold_dequantized);
}

}  // namespace
}  // namespace tendon
