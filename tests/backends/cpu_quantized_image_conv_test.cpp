// The first integer convolution on images against the operator's reference, to the code.
#include "backends/cpu_kernel_case.h"

namespace tendon::testing {
namespace {

Tensor random_codes(Dice& dice, const Shape& shape) {
  Tensor codes(DataType::kInt8, shape);
  for (int8_t& code : codes.mutable_data<int8_t>()) {
    code = static_cast<int8_t>(dice.between(-127, 127));
  }
  return codes;
}

KernelCase random_case(Dice& dice) {
  QuantizedImageConv op;
  op.channels_last = dice.toss();
  op.activation = dice.pick({Activation::kNone, Activation::kRelu});
  const Shape kernel{dice.between(1, 7), dice.between(1, 7)};
  for (int i = 0; i < 4; ++i) op.pads.push_back(dice.between(0, 3));
  op.strides = {dice.between(1, 4), dice.between(1, 4)};
  op.inside = dice.between(-128, 127);
  op.y_dtype = dice.pick({DataType::kUInt8, DataType::kInt8});
  op.y_scale = 2;
  const int64_t channels = dice.between(1, 4), outputs = dice.between(1, 70);
  const int64_t height = dice.between(7, 30), width = dice.between(7, 40);
  const Shape shape = op.channels_last ? Shape{dice.between(1, 2), height, width, channels}
                                       : Shape{dice.between(1, 2), channels, height, width};
  Tensor x = dice.tensor(shape);
  if (dice.toss()) {
    for (float& value : x.mutable_data<float>()) value = std::min(255.0F, std::fabs(value) * 80);
    x = cast(x, DataType::kUInt8);
    op.offset = 128;
  } else {
    op.offset = 0.5F;
    op.x_scale = 1.0F / 64;
  }
  Tensor scale(DataType::kFloat32, {outputs});
  for (float& value : scale.mutable_data<float>()) value = dice.pick({1.0F / 64, 1.0F / 128});
  KernelCase test{
      op,
      {x, random_codes(dice, {outputs, channels + 1, kernel[0], kernel[1]}), scale, Tensor()},
      {1, 2, 3}};
  if (dice.toss()) test.inputs[3] = dice.tensor(Shape{outputs});
  test.threads = static_cast<int>(dice.between(1, 3));
  return test;
}

/// Codes differ by one where a sum is next to a half.
void expect_codes(const KernelCase& test) {
  PreparedCase prepared(test);
  ASSERT_EQ(prepared.kernel_name(), "simd:quantized_image_conv") << prepared.declined();
  auto memory = prepared.memory();
  prepared.run(memory);
  const std::vector<double> found = to_doubles(memory.outputs[0]);
  const std::vector<double> expected =
      to_doubles(std::get<QuantizedImageConv>(test.op).reference(test.inputs)[0]);
  ASSERT_EQ(found.size(), expected.size());
  size_t different = 0;
  for (size_t i = 0; i < found.size(); ++i) {
    ASSERT_NEAR(found[i], expected[i], 1) << i;
    different += found[i] != expected[i] ? 1 : 0;
  }
  EXPECT_LE(different, found.size() / 50 + 1);
}

TEST(CpuQuantizedImageConv, MatchesReferenceOnRandomShapes) {
  for_each_simd_target(
      [] { for_random_cases([](Dice& dice) { expect_codes(random_case(dice)); }); });
}

TEST(CpuQuantizedImageConv, TakesFramesOfAPolicy) {
  Dice dice(3);
  QuantizedImageConv op;
  op.channels_last = true;
  op.activation = Activation::kRelu;
  op.pads = {3, 3, 3, 3};
  op.strides = {2, 2};
  op.offset = 128;
  op.inside = 11;
  Tensor x(DataType::kUInt8, {3, 48, 64, 3});
  for (int64_t i = 0; i < x.size(); ++i) {
    x.mutable_data<uint8_t>()[static_cast<size_t>(i)] = static_cast<uint8_t>(i * 37 % 256);
  }
  Tensor scale(DataType::kFloat32, {64});
  std::ranges::fill(scale.mutable_data<float>(), 1e-3F);
  expect_codes({op, {x, random_codes(dice, {64, 4, 7, 7}), scale}, {1, 2, 3}});
}

TEST(CpuQuantizedImageConv, SaysWhyItDeclines) {
  Dice dice(4);
  KernelCase test = random_case(dice);
  const auto reason = [&] { return PreparedCase(test).declined(); };
  test.only = "simd:quantized_image_conv";
  test.inputs[2].mutable_data<float>()[0] = -1;
  EXPECT_THAT(reason(), ::testing::HasSubstr("positive scales"));
  test.inputs[2].mutable_data<float>()[0] = 1;
  std::get<QuantizedImageConv>(test.op).activation = Activation::kGelu;
  EXPECT_THAT(reason(), ::testing::HasSubstr("Gelu"));
}

}  // namespace
}  // namespace tendon::testing
