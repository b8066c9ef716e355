#include "passes/passes.h"
#include "support/rewrites.h"

namespace tendon {
namespace {

using ::testing::ElementsAre;
using testing::GraphBuilder;
using testing::rewritten;
using testing::the_op;
using testing::types_of;

ValueId codes_of(GraphBuilder& b, ValueId x, float scale) {
  const ValueId centred =
      b.node(Binary{BinaryKind::kSub}, {x, b.constant(Tensor::scalar(0.5f))}, "center");
  return b.node(QuantizeLinear{}, {centred, b.constant(Tensor::scalar(scale)),
                                   b.constant(Tensor::scalar(int8_t{0}))});
}

Tensor inside(const Shape& shape, int8_t first) {
  Tensor tensor(DataType::kInt8, shape);
  for (int8_t& code : tensor.mutable_data<int8_t>()) code = 127;
  tensor.mutable_data<int8_t>()[0] = first;
  return tensor;
}

ValueId pooled(GraphBuilder& b, ValueId codes, int64_t pool_stride) {
  QuantizedConv conv;
  conv.channels_last = true;
  conv.activation = Activation::kRelu;
  conv.strides = {2, 2};
  conv.pads = {1, 1, 1, 1};
  conv.y_dtype = DataType::kUInt8;
  conv.y_scale = 0.02f;
  Tensor weight(DataType::kInt8, Shape{5, 4, 3, 3});
  int next = 0;
  for (int8_t& code : weight.mutable_data<int8_t>()) {
    code = static_cast<int8_t>(next++ * 37 % 255 - 127);
  }
  const ValueId y =
      b.node(conv, {codes, b.constant(weight),
                    b.constant(Tensor::from<float>({5}, std::vector<float>(5, 1e-4f))),
                    b.random_constant({5})});
  MaxPool pool;
  pool.kernel_shape = {3, 3};
  pool.strides = {pool_stride, pool_stride};
  pool.pads = {1, 1, 1, 1};
  pool.channels_last = true;
  return b.node(pool, {y});
}

Graph graph_of(int64_t pool_stride, int8_t first_inside) {
  GraphBuilder b;
  const ValueId x = b.input("x", {1, 2, 3, 9, 13});
  const ValueId images = b.node(Reshape{}, {codes_of(b, x, 1.0f / 255), b.ints({2, 3, 9, 13})});
  const ValueId all =
      b.node(Concat{.axis = 1}, {images, b.constant(inside({2, 1, 9, 13}, first_inside))});
  b.output(pooled(b, b.node(Transpose{.perm = {0, 2, 3, 1}}, {all}), pool_stride));
  return b.done();
}

// rewrite MaxPool(QuantizedConv(Transpose(Concat(Reshape(Q(x - c)), i)))) ->
// QuantizedImageConv(Reshape(x), c, i)
TEST(FuseQuantizedImages, CodesLayoutAndPool) {
  const Graph after = rewritten(graph_of(2, 127), fuse_quantized_images);
  EXPECT_THAT(types_of(after), ElementsAre("Reshape", "QuantizedImageConv"));
  const auto& op = the_op<QuantizedImageConv>(after);
  EXPECT_FALSE(op.channels_last);
  EXPECT_EQ(op.inside, 127);
  EXPECT_FLOAT_EQ(op.offset, 0.5f);
  EXPECT_FLOAT_EQ(op.x_scale, 1.0f / 255);
}

// rewrite MaxPool(QuantizedConv(Transpose(Concat(Q(Cast(Transpose(x)) - c), i)))) ->
// QuantizedImageConv(x, c, i), x being frames of bytes
TEST(FuseQuantizedImages, FramesOfBytes) {
  for (const bool planes : {true, false}) {
    GraphBuilder b;
    ValueId x =
        b.input("x", planes ? Shape{1, 2, 9, 13, 3} : Shape{1, 2, 3, 9, 13}, DataType::kUInt8);
    if (planes) x = b.node(Transpose{.perm = {0, 1, 4, 2, 3}}, {x});
    x = codes_of(b, b.node(Cast{.to = DataType::kFloat32}, {x}), 1);
    const ValueId images = b.node(Reshape{}, {x, b.ints({2, 3, 9, 13})});
    const ValueId all = b.node(Concat{.axis = 1}, {images, b.constant(inside({2, 1, 9, 13}, 127))});
    b.output(pooled(b, b.node(Transpose{.perm = {0, 2, 3, 1}}, {all}), 2));
    const Graph after = rewritten(b.done(), fuse_quantized_images);
    EXPECT_THAT(types_of(after), ElementsAre("Reshape", "QuantizedImageConv"));
    EXPECT_EQ(the_op<QuantizedImageConv>(after).channels_last, planes);
    EXPECT_EQ(after.type(testing::the<QuantizedImageConv>(after).inputs[0]).dtype,
              DataType::kUInt8);
  }
}

TEST(FuseQuantizedImages, OtherPoolsAndChannelsStay) {
  testing::expect_unchanged(graph_of(1, 127), fuse_quantized_images);
  testing::expect_unchanged(graph_of(2, 126), fuse_quantized_images);
}

}  // namespace
}  // namespace tendon
