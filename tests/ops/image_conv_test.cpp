#include "ops/image_conv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ops/op_set.h"
#include "support/graphs.h"

namespace tendon {
namespace {

using ::testing::HasSubstr;

ImageConv small() {
  ImageConv op;
  op.strides = {2, 2};
  op.pads = {1, 1, 1, 1};
  op.activation = Activation::kRelu;
  return op;
}

TEST(ImageConv, SubtractsBeforeTheBorderIsAdded) {
  const Tensor w = testing::random_tensor({4, 3, 3, 3}, 2);
  const Tensor bias = testing::random_tensor({4}, 3);
  const Tensor offset = testing::random_tensor({3}, 4);
  std::vector<uint8_t> codes(size_t{2} * 3 * 5 * 6);
  for (size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<uint8_t>(i * 37 % 256);
  const Tensor bytes = Tensor::from<uint8_t>({2, 3, 5, 6}, codes);
  const Tensor last = Transpose{.perm = {0, 2, 3, 1}}.reference({{bytes}})[0];
  const Tensor centred =
      Binary{BinaryKind::kSub}.reference({{cast(last, DataType::kFloat32), offset}})[0];
  const Tensor expected = small().conv().reference({{centred, w, bias}})[0];
  EXPECT_LE(testing::max_abs_difference(small().reference({{bytes, w, bias, offset}})[0], expected),
            1e-3);
  ImageConv op = small();
  op.channels_last = true;
  EXPECT_LE(testing::max_abs_difference(op.reference({{last, w, bias, offset}})[0], expected),
            1e-3);
  EXPECT_EQ(op.infer({{{last.type(), nullptr, true}, {w.type(), nullptr, true}}})[0],
            expected.type());
}

TEST(ImageConv, PooledItIsTheMaximaOfIt) {
  const std::vector<Tensor> inputs = {testing::random_tensor({2, 3, 11, 14}, 1),
                                      testing::random_tensor({4, 3, 3, 3}, 2)};
  ImageConv op = small();
  const Tensor expected = ImageConv::pool().reference(op.reference(inputs))[0];
  op.pooled = true;
  EXPECT_EQ(op.reference(inputs)[0], expected);
  EXPECT_EQ(op.infer({{{inputs[0].type(), nullptr, true}, {inputs[1].type(), nullptr, true}}})[0],
            expected.type());
}

TEST(ImageConv, RefusesWhatDoesNotFit) {
  const auto typed = [](DataType dtype, const Shape& shape) {
    return Argument{{dtype, shape}, nullptr, true};
  };
  const Argument w = typed(DataType::kFloat16, {4, 3, 3, 3});
  const Argument none;
  struct Case {
    Argument x, offset;
    const char* message;
  };
  const Case cases[] = {
      {typed(DataType::kInt8, {1, 3, 5, 6}), none, "expected uint8, float16, bfloat16 or float32"},
      {typed(DataType::kUInt8, {3, 5, 6}), none, "expected images with four axes"},
      {typed(DataType::kUInt8, {1, 3, 5, 6}), typed(DataType::kFloat16, {3}),
       "offset is float16(3,), expected float32(3,)"},
  };
  for (const Case& c : cases) {
    try {
      small().infer({{c.x, w, none, c.offset}});
      ADD_FAILURE() << c.message;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr(c.message));
    }
  }
}

}  // namespace
}  // namespace tendon
