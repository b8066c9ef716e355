#include "backends/cpu_kernel_case.h"

namespace tendon::testing {
namespace {

KernelCase image_case(const ImageConv& op, const Tensor& x, int64_t channels, int64_t outputs,
                      const Shape& kernel, uint64_t seed) {
  return {op,
          {x, random_tensor({outputs, channels, kernel[0], kernel[1]}, seed),
           random_tensor({outputs}, seed + 1), random_tensor({channels}, seed + 2)},
          {1, 2, 3}};
}

TEST(CpuImageConv, MatchesReferenceOnRandomShapes) {
  for_each_simd_target([] {
    for_random_cases([](Dice& dice) {
      ImageConv op;
      op.channels_last = dice.toss();
      op.pooled = dice.toss();
      op.activation = dice.pick({Activation::kNone, Activation::kRelu, Activation::kGelu});
      const Shape kernel{dice.between(1, 7), dice.between(1, 7)};
      for (int i = 0; i < 4; ++i) op.pads.push_back(dice.between(0, 3));
      op.strides = {dice.between(1, 4), dice.between(1, 4)};
      const int64_t channels = dice.between(1, 4);
      const int64_t height = dice.between(7, 30), width = dice.between(7, 40);
      const Shape shape = op.channels_last ? Shape{dice.between(1, 2), height, width, channels}
                                           : Shape{dice.between(1, 2), channels, height, width};
      Tensor x = dice.tensor(shape);
      if (dice.toss()) {
        for (float& value : x.mutable_data<float>())
          value = std::min(255.0f, std::fabs(value) * 80);
        x = cast(x, DataType::kUInt8);
      }
      expect_matches_reference(
          "simd:image_conv", image_case(op, x, channels, dice.between(1, 70), kernel, dice.seed()));
    });
  });
}

// Codes differ by one where a sum is next to a half.
TEST(CpuImageConv, WritesCodes) {
  for (const DataType type : {DataType::kUInt8, DataType::kInt8}) {
    ImageConv op;
    op.pooled = true;
    op.activation = Activation::kRelu;
    op.strides = {2, 2};
    op.y_dtype = type;
    op.y_scale = 0.05f;
    const KernelCase test = image_case(op, random_tensor({2, 3, 21, 30}), 3, 20, {5, 5}, 3);
    PreparedCase prepared(test);
    ASSERT_EQ(prepared.kernel_name(), "simd:image_conv");
    auto memory = prepared.memory();
    prepared.run(memory);
    const std::vector<double> expected = to_doubles(op.reference(test.inputs)[0]);
    const std::vector<double> found = to_doubles(memory.outputs[0]);
    ASSERT_EQ(found.size(), expected.size());
    for (size_t i = 0; i < found.size(); ++i) ASSERT_NEAR(found[i], expected[i], 1) << i;
  }
}

// Frames in bytes: the border is that of the images less the offset.
TEST(CpuImageConv, TakesFramesOfAPolicy) {
  ImageConv op;
  op.channels_last = true;
  op.pooled = true;
  op.activation = Activation::kRelu;
  op.pads = {3, 3, 3, 3};
  op.strides = {2, 2};
  Tensor x(DataType::kUInt8, {3, 48, 64, 3});
  for (int64_t i = 0; i < x.size(); ++i) {
    x.mutable_data<uint8_t>()[static_cast<size_t>(i)] = static_cast<uint8_t>(i * 37 % 256);
  }
  expect_matches_reference("simd:image_conv", image_case(op, x, 3, 64, {7, 7}, 5));
}

TEST(CpuImageConv, KeepsNaN) {
  ImageConv op;
  op.pooled = true;
  op.activation = Activation::kRelu;
  op.strides = {2, 2};
  Tensor x = random_tensor({1, 1, 9, 9});
  x.mutable_data<float>()[40] = std::numeric_limits<float>::quiet_NaN();
  expect_matches_reference("simd:image_conv", image_case(op, x, 1, 3, {3, 3}, 9));
}

}  // namespace
}  // namespace tendon::testing
