// Convolutions and matrix products against the operators' references.
#include "backends/cpu_kernel_case.h"

namespace tendon::testing {
namespace {

constexpr auto kActivations = {Activation::kNone, Activation::kRelu, Activation::kGelu};

TEST(CpuConvolution, MatchesReferenceOnRandomShapes) {
  for_random_cases([](Dice& dice) {
    FusedConv conv;
    conv.channels_last = dice.toss();
    conv.group = dice.pick({1, 1, 1, 2, 4});
    conv.activation = dice.pick(kActivations);
    const int64_t spatial = dice.pick({1, 2, 2, 2, 3});
    const int64_t batch = dice.between(1, 3);
    const int64_t in = conv.group * dice.pick({1, 3, 4, 8, 17});
    const int64_t out = conv.group * dice.pick({1, 5, 8, 16, 33});
    const bool residual = dice.toss();
    Shape weight{out, in / conv.group};
    Shape x{batch, in};
    for (int64_t i = 0; i < spatial; ++i) {
      weight.push_back(dice.pick({1, 2, 3}));
      x.push_back(dice.between(7, 11));
      conv.strides.push_back(dice.between(1, 2));
      conv.dilations.push_back(dice.between(1, 2));
    }
    for (int64_t i = 0; i < 2 * spatial; ++i) {
      const int64_t kernel = weight[static_cast<int>(2 + i % spatial)];
      conv.pads.push_back(dice.between(0, residual ? std::min<int64_t>(1, kernel - 1) : 2));
    }
    if (conv.channels_last) {
      Shape last{batch};
      for (int axis = 2; axis < x.rank(); ++axis) last.push_back(x[axis]);
      last.push_back(in);
      x = last;
    }
    KernelCase test{conv, {dice.tensor(x), dice.tensor(weight), Tensor(), Tensor()}};
    if (dice.toss()) test.inputs[2] = dice.tensor(Shape{out});
    if (residual) test.inputs[3] = dice.tensor(PreparedCase(test).types()[0].shape);
    if (dice.between(0, 3) > 0) test.constants = {1, 2};
    test.threads = static_cast<int>(dice.between(1, 3));
    expect_matches_reference("onednn:conv", test);
  });
}

TEST(CpuConvolution, TransposesMatchReferenceOnRandomShapes) {
  for_random_cases([](Dice& dice) {
    ConvTranspose conv;
    conv.group = dice.pick({1, 1, 2, 3});
    const int64_t spatial = dice.pick({1, 2, 2, 3});
    const int64_t in = conv.group * dice.pick({1, 3, 8, 17});
    const int64_t out = dice.pick({1, 5, 16});
    Shape weight{in, out};
    Shape x{dice.between(1, 3), in};
    for (int64_t i = 0; i < spatial; ++i) {
      weight.push_back(dice.between(1, 4));
      x.push_back(dice.between(3, 8));
      conv.strides.push_back(dice.between(1, 3));
      conv.dilations.push_back(dice.between(1, 2));
      conv.output_padding.push_back(dice.between(0, conv.strides.back() - 1));
    }
    for (int64_t i = 0; i < 2 * spatial; ++i) conv.pads.push_back(dice.between(0, 1));
    KernelCase test{conv, {dice.tensor(x), dice.tensor(weight), Tensor()}};
    if (dice.toss()) test.inputs[2] = dice.tensor(Shape{out * conv.group});
    if (dice.toss()) test.constants = {1, 2};
    test.threads = static_cast<int>(dice.between(1, 3));
    expect_matches_reference("onednn:deconv", test);
  });
}

TEST(CpuConvolution, TakesPlainConv) {
  Conv conv;
  conv.pads = {1, 1, 1, 1};
  expect_matches_reference(
      "onednn:conv", {conv,
                      {random_tensor(Shape{1, 5, 9, 8}, 1), random_tensor(Shape{6, 5, 3, 3}, 2),
                       random_tensor(Shape{6}, 3)},
                      {1, 2}});
}

TEST(CpuConvolution, DeclinesAResidualWhereAWindowIsPadding) {
  FusedConv conv;
  conv.channels_last = true;
  conv.pads = {0, 1, 1, 1};
  KernelCase test{conv,
                  {random_tensor(Shape{1, 10, 9, 8}, 1), random_tensor(Shape{8, 8, 1, 3}, 2),
                   Tensor(), random_tensor(Shape{1, 11, 9, 8}, 3)},
                  {1}};
  EXPECT_EQ(PreparedCase(test).kernel(), nullptr);
  test.only = "onednn:conv";
  const PreparedCase prepared(test);
  EXPECT_THAT(prepared.declined(), ::testing::HasSubstr("a window holds padding only"));
}

TEST(CpuConvolution, HoldsItsOwnCopyOfAConstantWeight) {
  FusedConv conv;
  conv.channels_last = true;
  KernelCase test{
      conv, {random_tensor(Shape{1, 8, 8, 16}, 1), random_tensor(Shape{32, 16, 1, 1}, 2)}, {1}};
  const PreparedCase packed(test);
  EXPECT_FALSE(packed.kernel()->reads_constant(1));
  EXPECT_TRUE(packed.kernel()->reads_constant(0));
  EXPECT_GE(packed.kernel()->packed_bytes(), size_t{32 * 16 * 4});
  EXPECT_FALSE(packed.kernel()->detail().empty());
  test.constants = {};
  const PreparedCase unpacked(test);
  EXPECT_TRUE(unpacked.kernel()->reads_constant(1));
  EXPECT_EQ(unpacked.kernel()->packed_bytes(), 0U);
}

// Rows a multiple of 4 KiB apart would share few sets of the first cache.
TEST(CpuProduct, SpreadsTheRowsOfAPackedWeight) {
  const KernelCase test{
      FusedMatMul{}, {random_tensor(Shape{5, 12}, 1), random_tensor(Shape{12, 1024}, 2)}, {1}};
  const PreparedCase prepared(test);
  if (prepared.kernel()->detail() != "gemm:jit") GTEST_SKIP() << "blocks its weight";
  EXPECT_EQ(prepared.kernel()->packed_bytes(), size_t{12 * (1024 + 16) * 4});
  expect_matches_reference("onednn:matmul", test);
}

TEST(CpuProduct, MatchesReferenceOnRandomShapes) {
  for_random_cases([](Dice& dice) {
    FusedMatMul product;
    product.trans_b = dice.toss();
    product.activation = dice.pick(kActivations);
    product.alpha = dice.pick({1.0F, 1.0F, 0.125F, -2.0F});
    const int64_t m = dice.between(1, 40);
    const int64_t k = dice.between(1, 70);
    const int64_t n = dice.between(1, 50);
    const int64_t batch = dice.between(1, 4);
    Shape a{m, k};
    if (dice.toss()) a = Shape{batch, m, k};
    Shape b = product.trans_b ? Shape{n, k} : Shape{k, n};
    if (dice.toss()) b = Shape{dice.pick<int64_t>({1, batch}), b[0], b[1]};
    KernelCase test{product, {dice.tensor(a), dice.tensor(b), Tensor(), Tensor()}};
    const Shape y = PreparedCase(test).types()[0].shape;
    switch (dice.between(0, 4)) {
      case 0: test.inputs[2] = dice.tensor(Shape{n}); break;
      case 1: test.inputs[2] = dice.tensor(Shape{m, n}); break;
      case 2: test.inputs[2] = dice.tensor(Shape{1}); break;
      case 3: test.inputs[2] = dice.tensor(y); break;
      default: break;
    }
    if (dice.toss()) test.inputs[3] = dice.tensor(y);
    if (dice.toss()) test.constants = {1, 2};
    expect_matches_reference("onednn:matmul", test);
  });
}

TEST(CpuProduct, TakesMatMulAndGemm) {
  const Tensor a = random_tensor(Shape{2, 3, 5, 8}, 1);
  const Tensor b = random_tensor(Shape{3, 8, 7}, 2);
  expect_matches_reference("onednn:matmul", {MatMul{}, {a, b}});
  const Tensor matrix = random_tensor(Shape{9, 8}, 3);
  for (const bool transposed : {false, true}) {
    const Tensor weight = random_tensor(transposed ? Shape{7, 8} : Shape{8, 7}, 4);
    for (const Shape& bias : {Shape{7}, Shape{1, 7}, Shape{9, 7}, Shape{}}) {
      expect_matches_reference("onednn:matmul", {Gemm{.alpha = 0.5F, .trans_b = transposed},
                                                 {matrix, weight, random_tensor(bias, 5)},
                                                 {1, 2}});
    }
  }
}

}  // namespace
}  // namespace tendon::testing
