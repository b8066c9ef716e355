// Winograd's algorithm against the operator's reference, and its rounding against a direct sum's.
#include <gmock/gmock.h>

#include "backends/cpu_kernel_case.h"
#include "support/pretend_bfloat16.h"

namespace tendon::testing {
namespace {

FusedConv padded_convolution(int64_t stride = 1) {
  FusedConv conv;
  conv.channels_last = true;
  conv.strides = {stride, stride};
  conv.pads = {1, 1, 1, 1};
  return conv;
}

void check_random_shapes(DataType type, int64_t stride) {
  const auto check = [type, stride](Dice& dice) {
    FusedConv conv = padded_convolution(stride);
    for (int64_t& pad : conv.pads) pad = dice.between(0, 2);
    conv.activation = dice.pick({Activation::kNone, Activation::kRelu});
    const auto extent = [&] { return stride * dice.between(10, 17) - dice.between(0, stride - 1); };
    const Shape x{dice.between(1, 3), extent(), extent(), dice.pick({32, 48, 64})};
    const int64_t out = dice.pick({16, 32, 80});
    KernelCase test{
        conv, {dice.tensor(x), dice.tensor({out, x[3], 3, 3}), Tensor(), Tensor()}, {1}};
    test.only = "simd:winograd";
    if (dice.toss()) test.inputs[2] = dice.tensor(Shape{out});
    if (dice.toss()) test.inputs[3] = dice.tensor(PreparedCase(test).types()[0].shape);
    // Up to more threads than there are panels of channels.
    test.threads = dice.pick({1, 2, 3, 16});
    if (type == DataType::kBFloat16) test.constants.push_back(2);
    for (Tensor& input : test.inputs) {
      if (input.defined()) input = cast(input, type);
    }
    const PreparedCase prepared(test);
    if (prepared.kernel() == nullptr) {
      EXPECT_THAT(prepared.declined(), ::testing::HasSubstr("saves too little"));
      return;
    }
    expect_matches_reference("simd:winograd", test);
  };
  for_each_simd_target([&] { for_random_cases(check); });
}

TEST(CpuWinograd, MatchesReferenceOnRandomShapes) { check_random_shapes(DataType::kFloat32, 1); }

TEST(CpuWinograd, MatchesReferenceWithStrideTwo) { check_random_shapes(DataType::kFloat32, 2); }

TEST(CpuWinograd, MatchesReferenceInBfloat16) {
  const PretendBfloat16 present(true);
  check_random_shapes(DataType::kBFloat16, 1);
}

TEST(CpuWinograd, ManyTilesPassInBlocks) {
  for (const int64_t stride : {1, 2}) {
    KernelCase test{
        padded_convolution(stride),
        {random_tensor({2, 40 * stride, 61 * stride, 32}, 1), random_tensor({32, 32, 3, 3}, 2)},
        {1}};
    test.threads = 1;
    expect_matches_reference("simd:winograd", test);
  }
}

TEST(CpuWinograd, ManyChannelsPassInParts) {
  for (const int64_t stride : {1, 2}) {
    KernelCase test{padded_convolution(stride),
                    {random_tensor({1, 10 + 6 * (stride - 1), 10 + 6 * (stride - 1), 464}, 1),
                     random_tensor({16, 464, 3, 3}, 2)},
                    {1}};
    test.only = "simd:winograd";
    for_each_simd_target([&] { expect_matches_reference("simd:winograd", test); });
  }
}

TEST(CpuWinograd, SaysWhyItDeclines) {
  const auto reason = [](const FusedConv& conv, const Shape& x, const Shape& w,
                         bool allowed = true) {
    KernelCase test{conv, {random_tensor(x, 1), random_tensor(w, 2)}, {1}};
    test.only = "simd:winograd";
    test.winograd = allowed;
    return PreparedCase(test).declined();
  };
  using ::testing::HasSubstr;
  const Shape x{1, 12, 12, 32}, w{32, 32, 3, 3};
  FusedConv strided = padded_convolution(3), uneven = padded_convolution(),
            grouped = padded_convolution(), gelu = padded_convolution();
  uneven.strides = {1, 2};
  grouped.group = 2;
  gelu.activation = Activation::kGelu;
  EXPECT_THAT(reason(padded_convolution(), x, w, false), HasSubstr("switched off"));
  EXPECT_THAT(reason(strided, x, w), HasSubstr("stride 1 or 2"));
  EXPECT_THAT(reason(uneven, x, w), HasSubstr("stride 1 or 2"));
  EXPECT_THAT(reason(padded_convolution(2), x, w), HasSubstr("saves too little"));
  EXPECT_THAT(reason(grouped, x, {32, 16, 3, 3}), HasSubstr("2 groups"));
  EXPECT_THAT(reason(gelu, x, w), HasSubstr("Gelu"));
  EXPECT_THAT(reason(padded_convolution(), {1, 12, 12, 24}, {32, 24, 3, 3}),
              HasSubstr("24 and 32"));
  EXPECT_THAT(reason(padded_convolution(), {1, 12, 12, 16}, {32, 16, 3, 3}),
              HasSubstr("32 at least"));
  EXPECT_THAT(reason(padded_convolution(), {1, 5, 5, 32}, w), HasSubstr("saves too little"));
}

TEST(CpuWinograd, LeavesStrideTwoInBfloat16ToDirectProducts) {
  const PretendBfloat16 present(true);
  KernelCase test{padded_convolution(2),
                  {cast(random_tensor({1, 16, 16, 32}, 1), DataType::kBFloat16),
                   cast(random_tensor({32, 32, 3, 3}, 2), DataType::kBFloat16)},
                  {1}};
  test.only = "simd:winograd";
  EXPECT_THAT(PreparedCase(test).declined(), ::testing::HasSubstr("direct products"));
}

}  // namespace
}  // namespace tendon::testing
