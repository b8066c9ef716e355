#include "ops/fused_conv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ops/op_set.h"
#include "ops/transpose.h"
#include "support/graphs.h"

namespace tendon {
namespace {

using ::testing::HasSubstr;
using testing::max_abs_difference;
using testing::random_tensor;

Tensor nhwc(const Tensor& tensor) { return Transpose{{}, {0, 2, 3, 1}}.reference({{tensor}})[0]; }

FusedConv strided() {
  FusedConv op;
  op.strides = {2, 1};
  op.pads = {1, 0, 1, 2};
  op.activation = Activation::kRelu;
  return op;
}

TEST(FusedConv, AddsBiasAndResidualThenActivates) {
  const FusedConv op = strided();
  const Tensor x = random_tensor({2, 3, 5, 6}, 1);
  const Tensor w = random_tensor({4, 3, 3, 2}, 2);
  const Tensor b = random_tensor({4}, 3);
  const Tensor plain = op.conv().reference({{x, w, b}})[0];
  const Tensor residual = random_tensor(plain.shape(), 4);
  Tensor expected = Binary{BinaryKind::kAdd}.reference({{plain, residual}})[0];
  expected = Unary{UnaryKind::kRelu}.reference({{expected}})[0];
  const Tensor y = op.reference({{x, w, b, residual}})[0];
  EXPECT_LE(max_abs_difference(y, expected), 1e-6);
}

TEST(FusedConv, ChannelsLastIsTheSameInAnotherOrder) {
  FusedConv op = strided();
  const Tensor x = random_tensor({2, 3, 5, 6}, 1);
  const Tensor w = random_tensor({4, 3, 3, 2}, 2);
  const Tensor first = op.reference({{x, w}})[0];
  op.channels_last = true;
  EXPECT_EQ(op.reference({{nhwc(x), w}})[0], nhwc(first));
}

TEST(FusedConv, InfersBothLayouts) {
  FusedConv op = strided();
  const TensorType w{DataType::kFloat32, {4, 3, 3, 2}};
  const Argument first{{DataType::kFloat32, {2, 3, 5, 6}}, nullptr, true};
  const Argument last{{DataType::kFloat32, {2, 5, 6, 3}}, nullptr, true};
  const Argument weight{w, nullptr, true};
  EXPECT_EQ(op.infer({{first, weight}})[0].shape, (Shape{2, 4, 3, 7}));
  op.channels_last = true;
  EXPECT_EQ(op.infer({{last, weight}})[0].shape, (Shape{2, 3, 7, 4}));
}

TEST(FusedConv, RefusesAResidualOfAnotherShape) {
  const Argument x{{DataType::kFloat32, {1, 3, 4, 4}}, nullptr, true};
  const Argument w{{DataType::kFloat32, {4, 3, 1, 1}}, nullptr, true};
  try {
    FusedConv{}.infer({{x, w, Argument{}, x}});
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("residual is float32(1, 3, 4, 4), expected "
                                        "float32(1, 4, 4, 4)"));
  }
}

}  // namespace
}  // namespace tendon
