// Variants of kernels that compete by time: the same result as the usual one, whichever wins.
#include <gmock/gmock.h>

#include "backends/cpu_kernel_case.h"

namespace tendon::testing {
namespace {

using ::testing::HasSubstr;

FusedConv convolution(int64_t stride = 1) {
  FusedConv conv;
  conv.channels_last = true;
  conv.pads = {1, 1, 1, 1};
  conv.strides = {stride, stride};
  conv.activation = Activation::kRelu;
  return conv;
}

KernelCase conv_case(int64_t images, int64_t stride = 1) {
  KernelCase test{convolution(stride),
                  {random_tensor({images, 14, 14, 32}, 1), random_tensor({48, 32, 3, 3}, 2),
                   random_tensor({48}, 3), Tensor()},
                  {1, 2}};
  test.inputs[3] = random_tensor(PreparedCase(test).types()[0].shape, 4);
  return test;
}

Tensor result_of(KernelCase test, std::string_view kernel) {
  test.only = kernel;
  const PreparedCase prepared(test);
  EXPECT_NE(prepared.kernel(), nullptr) << kernel << ": " << prepared.declined();
  auto memory = prepared.memory();
  prepared.run(memory);
  return memory.outputs[0];
}

TEST(CpuVariants, WinogradGivesTheSameBitsHoweverItIsSplit) {
  for (const char* kernel :
       {"simd:winograd_small", "simd:winograd_large", "simd:winograd_by_channels"}) {
    int taken = 0;
    for (const int threads : {1, 2, 5}) {
      // More tiles than a usual block takes, on one thread.
      KernelCase test = conv_case(13);
      test.threads = threads;
      test.only = kernel;
      if (PreparedCase(test).kernel() == nullptr) {
        EXPECT_THAT(PreparedCase(test).declined(), HasSubstr("is simd:winograd here"));
        continue;
      }
      ++taken;
      EXPECT_EQ(result_of(test, kernel), result_of(test, "simd:winograd")) << threads;
    }
    EXPECT_GT(taken, 0) << kernel;
  }
}

TEST(CpuVariants, ConvolutionsImageByImage) {
  for (const int64_t stride : {1, 2}) {
    KernelCase test = conv_case(3, stride);
    test.only = "onednn:conv_by_image";
    expect_matches_reference("onednn:conv_by_image", test);
  }
  KernelCase one = conv_case(1);
  one.only = "onednn:conv_by_image";
  EXPECT_THAT(PreparedCase(one).declined(), HasSubstr("1 image"));
}

TEST(CpuVariants, OtherImplementationsOfOnednnAgreeOrSayThatThereAreNone) {
  int taken = 0;
  for (const int64_t stride : {1, 2}) {
    KernelCase test = conv_case(2, stride);
    test.only = "onednn:conv_second";
    const PreparedCase prepared(test);
    if (prepared.kernel() == nullptr) {
      EXPECT_THAT(prepared.declined(), HasSubstr("oneDNN"));
      continue;
    }
    ++taken;
    expect_matches_reference("onednn:conv_second", test);
  }
  EXPECT_GT(taken, 0);
}

TEST(CpuVariants, ProductsAsConvolutions) {
  for (const bool transposed : {false, true}) {
    for (const bool residual : {false, true}) {
      FusedMatMul op;
      op.trans_b = transposed;
      op.activation = Activation::kRelu;
      KernelCase test{op,
                      {random_tensor({1, 37, 64}, 1),
                       random_tensor(transposed ? Shape{80, 64} : Shape{64, 80}, 2),
                       random_tensor({80}, 3), residual ? random_tensor({1, 37, 80}, 4) : Tensor()},
                      {1, 2}};
      test.only = "onednn:matmul_as_conv";
      expect_matches_reference("onednn:matmul_as_conv", test);
      test.inputs[2] = random_tensor({1, 37, 80}, 5);
      expect_matches_reference("onednn:matmul_as_conv", test);
    }
  }
  FusedMatMul scaled;
  scaled.alpha = 0.5F;
  KernelCase test{scaled, {random_tensor({5, 8}, 1), random_tensor({8, 4}, 2)}, {1}};
  test.only = "onednn:matmul_as_conv";
  EXPECT_THAT(PreparedCase(test).declined(), HasSubstr("alpha"));
  test.op = FusedMatMul{};
  test.constants.clear();
  EXPECT_THAT(PreparedCase(test).declined(), HasSubstr("constant weight"));
}

}  // namespace
}  // namespace tendon::testing
