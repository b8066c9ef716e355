#include "passes/passes.h"
#include "support/operators.h"
#include "support/rewrites.h"

namespace tendon {
namespace {

using ::testing::ElementsAre;
using testing::GraphBuilder;
using testing::rewritten;
using testing::types_of;

constexpr Binary kDivide{BinaryKind::kDiv};

ValueId image_convolution(GraphBuilder& b, ValueId x, bool offset) {
  ImageConv op;
  op.channels_last = true;
  op.strides = {2, 2};
  op.pads = {1, 1, 1, 1};
  std::vector<ValueId> inputs = {x, b.random_constant({5, 3, 3, 3}), b.random_constant({5})};
  if (offset) inputs.push_back(b.random_constant({3}));
  return b.node(op, inputs, "conv");
}

// rewrite ImageConv(Reshape(Div(Cast(x), 8)), w, b, c) -> ImageConv(Reshape(x), w / 8, b, c * 8)
TEST(FoldImageScale, BytesEnterAsTheyAre) {
  for (const bool offset : {true, false}) {
    GraphBuilder b;
    const ValueId x = b.input("x", {1, 2, 6, 4, 3}, DataType::kUInt8);
    const ValueId pixels = b.node(Cast{.to = DataType::kFloat32}, {x});
    const ValueId unit = b.node(kDivide, {pixels, b.constant(Tensor::scalar(24.0F))});
    const ValueId images = b.node(
        kMul, {b.node(Reshape{}, {unit, b.ints({2, 6, 4, 3})}), b.constant(Tensor::scalar(3.0F))});
    b.output(image_convolution(b, images, offset));
    const Graph after = rewritten(b.done(), fold_image_scale);
    EXPECT_THAT(types_of(after), ElementsAre("Reshape", "ImageConv"));
    EXPECT_EQ(after.type(testing::the<ImageConv>(after).inputs[0]).dtype, DataType::kUInt8);
  }
}

TEST(FoldImageScale, OtherImagesStay) {
  GraphBuilder b;
  const ValueId scale = b.constant(Tensor::scalar(8.0F));
  const ValueId floats = b.input("floats", {1, 6, 4, 3});
  b.output(image_convolution(b, b.node(kDivide, {floats, scale}), true));
  const ValueId bytes = b.input("bytes", {1, 6, 4, 3}, DataType::kUInt8);
  const ValueId pixels = b.node(Cast{.to = DataType::kFloat32}, {bytes});
  b.output(image_convolution(b, b.node(kDivide, {scale, pixels}), true));
  b.output(image_convolution(b, b.node(kDivide, {pixels, b.random_constant({3})}), true));
  const ValueId shown = b.node(kDivide, {b.node(Cast{.to = DataType::kFloat32}, {bytes}), scale});
  b.output(shown);
  b.output(image_convolution(b, shown, true));
  testing::expect_unchanged(b.done(), fold_image_scale);
}

}  // namespace
}  // namespace tendon
