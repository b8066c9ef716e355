// Bfloat16 on the cpu backend: its own kernels, oneDNN's, and the way through float32.
#include "backends/attention_case.h"
#include "support/pretend_bfloat16.h"

namespace tendon::testing {
namespace {

Tensor halves(const Tensor& tensor) { return cast(tensor, DataType::kBFloat16); }
Tensor halves(Dice& dice, const Shape& shape) { return halves(dice.tensor(shape)); }

/// oneDNN's kernel where the CPU has what it needs.
std::string_view native_or_via_float32(std::string_view native) {
  return cpu::multiplies_bfloat16() ? native : "simd:via_float32";
}

KernelCase in_bfloat16(KernelCase test) {
  for (Tensor& input : test.inputs) input = cast(input, DataType::kBFloat16);
  return test;
}

TEST(CpuBfloat16, AttentionMatchesReferenceOnRandomShapes) {
  const PretendBfloat16 present(true);
  for_random_cases([](Dice& dice) {
    expect_matches_reference(
        "simd:bfloat16_attention",
        in_bfloat16(attention_case(dice, dice.between(1, 3), dice.between(1, 120),
                                   dice.between(1, 300), dice.between(1, 4),
                                   dice.pick<int64_t>({2, 6, 8, 16, 18, 32, 64, 80, 128}))));
  });
}

TEST(CpuBfloat16, AttentionReadsColumnsOfOneTensor) {
  const PretendBfloat16 present(true);
  for_random_cases([](Dice& dice) {
    const int64_t keys = dice.between(1, 150);
    KernelCase test = in_bfloat16(attention_case(
        dice, dice.between(1, 3), keys, keys, dice.between(1, 4), dice.pick<int64_t>({2, 16, 64})));
    auto& op = std::get<Attention>(test.op);
    Shape shape = test.inputs[0].shape();
    op.width = shape[2];
    op.q_column = op.width + 1;
    op.k_column = 2 * op.width + 1;
    op.v_column = dice.between(0, 1);
    shape[2] = 3 * op.width + 1;
    test.inputs.assign(3, halves(dice, shape));
    expect_matches_reference("simd:bfloat16_attention", test);
  });
}

TEST(CpuBfloat16, AttentionOfEverySimdTargetMatchesReference) {
  const PretendBfloat16 present(true);
  for_each_simd_target([] {
    Dice dice(5);
    expect_matches_reference("simd:bfloat16_attention",
                             in_bfloat16(attention_case(dice, 2, 50, 141, 2, 24)));
  });
}

TEST(CpuBfloat16, AttentionTakesLargeScores) {
  const PretendBfloat16 present(true);
  Dice dice(7);
  KernelCase test = in_bfloat16(attention_case(dice, 1, 30, 200, 2, 16));
  std::get<Attention>(test.op).scale = 300;
  expect_matches_reference("simd:bfloat16_attention", test);
}

TEST(CpuBfloat16, LaterKeysOfAttentionMayScoreHigher) {
  const PretendBfloat16 present(true);
  for_each_simd_target([] {
    Dice dice(9);
    expect_matches_reference("simd:bfloat16_attention", in_bfloat16(rising_attention_case(dice)));
  });
}

TEST(CpuBfloat16, AttentionKeepsNan) {
  const PretendBfloat16 present(true);
  Dice dice(8);
  KernelCase test = in_bfloat16(attention_case(dice, 1, 20, 70, 1, 16));
  test.inputs[0].mutable_data<BFloat16>()[16 * 3] = BFloat16(std::nanf(""));
  const PreparedCase prepared(test);
  auto memory = prepared.memory();
  prepared.run(memory);
  const std::vector<double> y = to_doubles(memory.outputs[0]);
  for (size_t i = 0; i < y.size(); ++i) EXPECT_EQ(std::isnan(y[i]), i / 16 == 3) << i;
}

TEST(CpuBfloat16, ConvolutionsMatchReference) {
  const PretendBfloat16 present(true);
  for_random_cases([](Dice& dice) {
    FusedConv conv;
    conv.channels_last = dice.toss();
    conv.activation = dice.pick({Activation::kNone, Activation::kRelu, Activation::kGelu});
    conv.strides = {dice.between(1, 2), dice.between(1, 2)};
    conv.pads = {1, 1, 1, 1};
    const int64_t in = dice.pick({3, 16, 32}), out = dice.pick({8, 16, 33});
    const Shape x = conv.channels_last ? Shape{2, 9, 8, in} : Shape{2, in, 9, 8};
    KernelCase test{conv,
                    {halves(dice, x), halves(dice, Shape{out, in, 3, 3}), Tensor(), Tensor()}};
    if (dice.toss()) test.inputs[2] = halves(dice, Shape{out});
    if (dice.toss()) test.inputs[3] = halves(dice, PreparedCase(test).types()[0].shape);
    test.constants = {1, 2};
    test.winograd = false;
    expect_matches_reference(native_or_via_float32("onednn:conv"), test);
  });
}

TEST(CpuBfloat16, ProductsMatchReference) {
  const PretendBfloat16 present(true);
  for_random_cases([](Dice& dice) {
    FusedMatMul product;
    product.trans_b = dice.toss();
    product.activation = dice.pick({Activation::kNone, Activation::kRelu, Activation::kGelu});
    const int64_t k = dice.pick({16, 24, 64}), n = dice.pick({8, 17, 48});
    const Shape y{dice.between(1, 40), 1, n};
    // Where the sum goes on in float32, so do what is added and the result.
    const bool wide = dice.toss();
    const auto summand = [&](const Shape& shape) {
      return wide ? dice.tensor(shape) : halves(dice, shape);
    };
    KernelCase test{
        product,
        {halves(dice, Shape{y[0], 1, k}), halves(dice, product.trans_b ? Shape{n, k} : Shape{k, n}),
         summand(Shape{n}), Tensor()}};
    if (dice.toss()) test.inputs[3] = summand(y);
    test.constants = {1, 2};
    expect_matches_reference(native_or_via_float32("onednn:matmul"), test);
  });
}

TEST(CpuBfloat16, EightBitProductsWriteIt) {
  const PretendBfloat16 present(true);
  Dice dice(11);
  Tensor x(DataType::kUInt8, Shape{6, 32}), w(DataType::kInt8, Shape{32, 16});
  for (uint8_t& code : x.mutable_data<uint8_t>()) code = static_cast<uint8_t>(dice.between(0, 255));
  for (int8_t& code : w.mutable_data<int8_t>()) code = static_cast<int8_t>(dice.between(-127, 127));
  Tensor scale = dice.tensor(Shape{16});
  for (float& factor : scale.mutable_data<float>()) factor = 1e-3F * (1 + std::fabs(factor));
  const QuantizedMatMul product{.y_dtype = DataType::kBFloat16};
  for (const Shape& bias : {Shape{16}, Shape{6, 16}}) {
    KernelCase test{product, {x, w, scale, dice.tensor(bias)}, {1, 2, 3}};
    expect_matches_reference(native_or_via_float32("onednn:int8_matmul"), test);
  }
}

TEST(CpuBfloat16, WithoutItsInstructionsProductsAndAttentionGoThroughFloat32) {
  const PretendBfloat16 absent(false);
  Dice dice(12);
  expect_matches_reference("simd:via_float32", in_bfloat16(attention_case(dice, 1, 20, 33, 2, 16)));
  KernelCase product{FusedMatMul{}, {halves(dice, Shape{4, 16}), halves(dice, Shape{16, 8})}, {1}};
  expect_matches_reference("simd:via_float32", product);
  product.only = "onednn:matmul";
  EXPECT_EQ(PreparedCase(product).declined(), "this CPU has no bfloat16 instructions");
  EXPECT_EQ(cpu_backend().without_bfloat16(), "this CPU has no AVX-512 BF16 instructions");
}

TEST(CpuBfloat16, OddHeadsGoThroughFloat32) {
  const PretendBfloat16 present(true);
  Dice dice(13);
  expect_matches_reference("simd:via_float32", in_bfloat16(attention_case(dice, 1, 20, 33, 2, 5)));
}

TEST(CpuBfloat16, WhatLiesBetweenMatchesReferenceOnEverySimdTarget) {
  for_each_simd_target([] {
    Dice dice(14);
    const Tensor x = halves(dice, Shape{7, 37}), same = halves(dice, Shape{7, 37});
    const Tensor row = halves(dice, Shape{37}), column = halves(dice, Shape{7, 1});
    expect_matches_reference("simd:layer_norm", {LayerNormalization{}, {x, row, row}, {1, 2}});
    expect_matches_reference("simd:layer_norm",
                             {AddLayerNormalization{}, {x, same, row, row}, {2, 3}});
    for (const UnaryKind kind : {UnaryKind::kRelu, UnaryKind::kGelu}) {
      expect_matches_reference("simd:bfloat16_unary", {Unary{kind}, {x}});
    }
    for (const Tensor& b : {same, row, column, halves(dice, Shape{})}) {
      expect_matches_reference("simd:bfloat16_binary", {Binary{BinaryKind::kAdd}, {x, b}});
      expect_matches_reference("simd:bfloat16_binary", {Binary{BinaryKind::kSub}, {b, x}});
    }
    MaxPool pool;
    pool.kernel_shape = {3, 3};
    pool.strides = {2, 2};
    pool.pads = {1, 1, 1, 1};
    pool.channels_last = true;
    expect_matches_reference("simd:pool", {pool, {halves(dice, Shape{2, 9, 8, 19})}});
    expect_matches_reference("simd:cast", {Cast{.to = DataType::kFloat32}, {x}});
    expect_matches_reference("simd:cast",
                             {Cast{.to = DataType::kBFloat16}, {dice.tensor(Shape{3, 700})}});
    expect_matches_reference("simd:quantize", {QuantizeLinear{},
                                               {halves(dice, Shape{3, 700}), Tensor::scalar(0.02F),
                                                Tensor::scalar(uint8_t{128})},
                                               {1, 2}});
    expect_matches_reference("simd:via_float32", {Softmax{}, {x}});
  });
}

TEST(CpuBfloat16, RoundingIsToTheNearestAndKeepsNanAndInfinity) {
  for_each_simd_target([] {
    const std::vector<float> x = {1.00390625F, 1.01171875F, -1.00390626F,  3.4e38F,
                                  HUGE_VALF,   -HUGE_VALF,  std::nanf(""), 1e-40F,
                                  0.0F,        -0.0F,       65504.0F,      1.0F / 3};
    std::vector<BFloat16> y(x.size());
    cpu::narrow(x.data(), y.data(), static_cast<int64_t>(x.size()));
    std::vector<float> back(x.size());
    cpu::widen(y.data(), back.data(), static_cast<int64_t>(x.size()));
    for (size_t i = 0; i < x.size(); ++i) {
      EXPECT_EQ(y[i].bits, BFloat16(x[i]).bits) << x[i];
      EXPECT_TRUE(std::isnan(x[i]) || back[i] == static_cast<float>(BFloat16(x[i]))) << x[i];
    }
    EXPECT_TRUE(std::isnan(back[6]));
  });
}

}  // namespace
}  // namespace tendon::testing
