#include "backends/reference/reference.h"
#include "passes/passes.h"
#include "passes/pipeline.h"
#include "support/rewrites.h"

namespace tendon {
namespace {

using testing::count_nodes;
using testing::expect_unchanged;
using testing::GraphBuilder;
using testing::rewritten;
using testing::the;

/// Codes drawn from all of `type`.
Tensor random_codes(const Shape& shape, DataType type) {
  std::vector<int64_t> codes(static_cast<size_t>(shape.element_count()));
  for (size_t i = 0; i < codes.size(); ++i) {
    codes[i] = static_cast<int64_t>(i * 37 % 256) - (type == DataType::kInt8 ? 128 : 0);
  }
  return cast(Tensor::from<int64_t>(shape, codes), type);
}

class Builder : public GraphBuilder {
 public:
  ValueId code(int64_t zero_point, DataType type = DataType::kUInt8) {
    return constant(cast(Tensor::scalar(zero_point), type));
  }
  ValueId scale(float value) { return constant(Tensor::scalar(value)); }
  /// x through a Q and DQ.
  ValueId quantized(ValueId x, int64_t zero_point, DataType type = DataType::kUInt8) {
    const ValueId factor = scale(0.02f);
    const ValueId zero = code(zero_point, type);
    return node(DequantizeLinear{}, {node(QuantizeLinear{}, {x, factor, zero}), factor, zero});
  }
  /// An int8 weight, or a uint8 one around 128, with a scale for each index of `axis`.
  ValueId weight(const Shape& shape, int64_t axis, DataType type = DataType::kInt8) {
    const Shape channels{shape[static_cast<int>(axis)]};
    Tensor scales(DataType::kFloat32, channels);
    for (int64_t k = 0; k < channels[0]; ++k) {
      scales.mutable_data<float>()[k] = 0.001f * static_cast<float>(k + 1);
    }
    const std::vector<int64_t> zeros(static_cast<size_t>(channels[0]),
                                     type == DataType::kUInt8 ? 128 : 0);
    return node(DequantizeLinear{.axis = axis},
                {constant(random_codes(shape, type)), constant(scales),
                 constant(cast(Tensor::from<int64_t>(channels, zeros), type))});
  }
};

int64_t zero_point_of(const Graph& graph, const Node& node) {
  return to_int64s(*graph.value(node.inputs[2]).constant)[0];
}

bool has_zero_points(const Graph& graph) {
  for (const Node& node : graph.nodes()) {
    if (node.alive && std::holds_alternative<DequantizeLinear>(node.op) &&
        zero_point_of(graph, node) != 0) {
      return true;
    }
  }
  return false;
}

// rewrite Q(uint8, 128) -> DQ(128) into Q(int8, 0) -> DQ(0)
TEST(RemoveZeroPoints, UnsignedCodesAroundTheirMiddleBecomeSigned) {
  Builder b;
  const ValueId x = b.input("x", {3, 40});
  const ValueId factor = b.scale(0.01f);
  const ValueId codes = b.node(QuantizeLinear{}, {x, factor, b.code(128)});
  b.output(b.node(DequantizeLinear{}, {codes, factor, b.code(128)}, "left"));
  b.output(b.node(DequantizeLinear{}, {codes, b.scale(0.5f), b.code(128)}, "right"));
  const Graph before = b.done();
  const Graph after = rewritten(before, remove_zero_points);
  EXPECT_EQ(after.type(the<QuantizeLinear>(after).outputs[0]).dtype, DataType::kInt8);
  EXPECT_FALSE(has_zero_points(after));
  // Saturation at both ends included.
  const TensorMap inputs{{"x", Tensor::from<float>({3, 40}, std::vector<float>(120, -9.0f))}};
  EXPECT_EQ(testing::max_abs_difference(testing::run_reference(before, inputs),
                                        testing::run_reference(after, inputs)),
            0);
}

// Codes that something else reads keep their meaning.
TEST(RemoveZeroPoints, CodesThatAreNotOnlyDequantizedStay) {
  Builder b;
  const ValueId factor = b.scale(0.01f);
  const ValueId codes = b.node(QuantizeLinear{}, {b.input("x", {3, 4}), factor, b.code(128)});
  b.output(b.node(DequantizeLinear{}, {codes, factor, b.code(128)}));
  b.output(b.node(Cast{.to = DataType::kInt32}, {codes}));
  expect_unchanged(b.done(), remove_zero_points);
}

// rewrite MatMul(DQ(x, z), w) + b into MatMul(DQ(x, 0), w) + (b - s * z * sum(w))
TEST(RemoveZeroPoints, OfAProductGoIntoItsBias) {
  for (const bool biased : {false, true}) {
    Builder b;
    const ValueId x = b.quantized(b.input("x", {2, 3, 6}), 101);
    ValueId y = b.node(MatMul{}, {x, b.weight({6, 5}, 1)});
    if (biased) y = b.node(Binary{BinaryKind::kAdd}, {y, b.random_constant({5})});
    b.output(b.node(Unary::of(UnaryKind::kRelu), {y}));
    const Graph after = rewritten(b.done(), remove_zero_points);
    EXPECT_FALSE(has_zero_points(after));
    EXPECT_EQ(count_nodes<Binary>(after), 1u);
  }
}

TEST(RemoveZeroPoints, OfAGemmGoIntoItsBias) {
  Builder b;
  const ValueId x = b.quantized(b.input("x", {3, 6}), -7, DataType::kInt8);
  const ValueId bias =
      b.node(DequantizeLinear{.axis = 0},
             {b.constant(Tensor::from<int32_t>({5}, {4000, -3, 5, 90, -2000})),
              b.constant(Tensor::from<float>({5}, {1e-4f, 2e-4f, 3e-4f, 4e-4f, 5e-4f})),
              b.constant(Tensor(DataType::kInt32, {5}))});
  b.output(b.node(Gemm{.alpha = 0.5f, .trans_b = true}, {x, b.weight({5, 6}, 0), bias}));
  EXPECT_FALSE(has_zero_points(rewritten(b.done(), remove_zero_points)));
}

// The pads of a convolution are 0, which is code z.
TEST(RemoveZeroPoints, OfAConvolutionGoIntoItsBiasAndBorders) {
  Builder b;
  Conv conv;
  conv.pads = {1, 0, 2, 1};
  conv.strides = {2, 1};
  const ValueId x = b.quantized(b.input("x", {2, 3, 5, 6}), 40);
  b.output(b.node(conv, {x, b.weight({4, 3, 3, 3}, 0, DataType::kUInt8), b.random_constant({4})}));
  const Graph after = rewritten(b.done(), remove_zero_points);
  EXPECT_FALSE(has_zero_points(after));
  EXPECT_EQ(count_nodes<Concat>(after), 2u);
}

TEST(RemoveZeroPoints, AProductOfActivationsStays) {
  Builder b;
  const ValueId x = b.quantized(b.input("x", {3, 6}), 40);
  b.output(b.node(MatMul{}, {x, b.quantized(b.input("y", {6, 5}), 30)}));
  expect_unchanged(b.done(), remove_zero_points);
}

// A model as ONNX Runtime's quantizer writes it runs on integers from end to end.
TEST(RemoveZeroPoints, ModelsOfOnnxRuntimeBecomeIntegerKernels) {
  Builder b;
  Conv conv;
  conv.pads = {1, 1, 1, 1};
  const auto bias = [&] {
    return b.node(DequantizeLinear{.axis = 0},
                  {b.constant(Tensor::from<int32_t>({4}, {400, -30, 5, 90})),
                   b.constant(Tensor::from<float>({4}, {1e-3f, 2e-3f, 3e-3f, 4e-3f})),
                   b.constant(Tensor(DataType::kInt32, {4}))});
  };
  const ValueId x = b.quantized(b.input("x", {1, 4, 6, 6}), 114);
  const ValueId first = b.node(conv, {x, b.weight({4, 4, 3, 3}, 0), bias()});
  const ValueId a = b.quantized(b.node(Unary::of(UnaryKind::kRelu), {first}), 0);
  const ValueId y = b.quantized(b.node(conv, {a, b.weight({4, 4, 3, 3}, 0), bias()}), 128);
  b.output(b.node(Unary::of(UnaryKind::kTanh), {y}));
  const Graph before = b.done();
  Graph after = before;
  run_passes(after);
  EXPECT_EQ(count_nodes<QuantizedConv>(after), 2u) << text_from_graph(after);
  EXPECT_EQ(count_nodes<FusedConv>(after), 0u);
  // Only the input is quantized by itself.
  EXPECT_EQ(count_nodes<QuantizeLinear>(after), 1u) << text_from_graph(after);
}

}  // namespace
}  // namespace tendon
