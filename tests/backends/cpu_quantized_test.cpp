// The integer kernels of the cpu backend against the reference.
#include <cstdlib>
#include <random>

#include "backends/cpu/onednn.h"
#include "backends/cpu_kernel_case.h"
#include "ops/quantized_conv.h"
#include "ops/quantized_layer_normalization.h"
#include "ops/quantized_matmul.h"

namespace tendon {
namespace {

using testing::KernelCase;
using testing::PreparedCase;
using testing::random_tensor;

Tensor random_codes(DataType type, const Shape& shape, uint32_t seed, int limit = 255) {
  std::mt19937 generator(seed);
  const int low = type == DataType::kUInt8 ? 0 : -std::min(limit, 127);
  const int high = type == DataType::kUInt8 ? 255 : std::min(limit, 127);
  std::uniform_int_distribution<int64_t> codes(low, high);
  std::vector<int64_t> values(static_cast<size_t>(shape.element_count()));
  for (int64_t& value : values) value = codes(generator);
  values[0] = high;
  return cast(Tensor::from<int64_t>(shape, values), type);
}

Tensor positive(const Shape& shape, uint32_t seed, float size) {
  Tensor tensor = random_tensor(shape, seed);
  for (float& value : tensor.mutable_data<float>()) value = size * (0.5f + std::abs(value));
  return tensor;
}

/// Codes may differ by one where a sum lies at the border of two; floats by rounding.
void expect_agreement(KernelCase test, std::string_view kernel) {
  test.only = kernel;
  const PreparedCase prepared(test);
  ASSERT_NE(prepared.kernel(), nullptr) << prepared.describe() << ": " << prepared.declined();
  EXPECT_EQ(prepared.kernel_name(), kernel) << prepared.describe();
  auto memory = prepared.memory();
  prepared.run(memory);
  const Tensor expected = prepared.reference()[0];
  const std::vector<double> want = to_doubles(expected);
  const std::vector<double> got = to_doubles(memory.outputs[0]);
  double largest = 1;
  for (const double value : want) largest = std::max(largest, std::abs(value));
  const double limit = expected.dtype() == DataType::kFloat32 ? 2e-6 * largest : 1.0;
  double worst = 0;
  for (size_t i = 0; i < want.size(); ++i) worst = std::max(worst, std::abs(want[i] - got[i]));
  EXPECT_LE(worst, limit) << kernel << " (" << prepared.kernel()->detail() << ") "
                          << prepared.describe();
}

struct Format {
  DataType x, residual, y;
  bool bias;
  Activation activation;
};

const Format kFormats[] = {
    {DataType::kUInt8, DataType::kBool, DataType::kUInt8, true, Activation::kRelu},
    {DataType::kInt8, DataType::kBool, DataType::kUInt8, true, Activation::kRelu},
    {DataType::kUInt8, DataType::kUInt8, DataType::kUInt8, true, Activation::kRelu},
    {DataType::kUInt8, DataType::kInt8, DataType::kUInt8, true, Activation::kRelu},
    {DataType::kUInt8, DataType::kBool, DataType::kInt8, false, Activation::kNone},
    {DataType::kInt8, DataType::kBool, DataType::kFloat32, true, Activation::kNone},
    {DataType::kUInt8, DataType::kFloat32, DataType::kFloat32, true, Activation::kRelu},
    {DataType::kUInt8, DataType::kBool, DataType::kInt8, true, Activation::kGelu},
};

template <class Op>
void set_format(Op& op, const Format& format) {
  op.activation = format.activation;
  op.y_dtype = format.y;
  op.y_scale = format.y == DataType::kFloat32 ? 1.0f : 0.02f;
  op.residual_scale = format.residual == DataType::kFloat32 ? 1.0f : 0.013f;
}

/// kBool stands for no residual.
Tensor residual_of(const Format& format, const Shape& shape) {
  if (format.residual == DataType::kBool) return {};
  if (format.residual == DataType::kFloat32) return random_tensor(shape, 5);
  return random_codes(format.residual, shape, 5);
}

KernelCase conv_case(const Format& format, const Shape& x, const Shape& w, int64_t stride,
                     int64_t pad, int limit) {
  QuantizedConv op;
  op.channels_last = true;
  op.strides = {stride, stride};
  op.pads = {pad, pad, pad, pad};
  set_format(op, format);
  std::vector<Tensor> inputs{random_codes(format.x, x, 1),
                             random_codes(DataType::kInt8, w, 2, limit),
                             positive({w[0]}, 3, 2e-4f / static_cast<float>(w[1])),
                             format.bias ? random_tensor({w[0]}, 4) : Tensor()};
  const Argument types[] = {{inputs[0].type(), nullptr, true},
                            {inputs[1].type(), nullptr, true},
                            {inputs[2].type(), nullptr, true}};
  inputs.push_back(residual_of(format, op.infer(types)[0].shape));
  return {op, std::move(inputs), {1, 2, 3}};
}

KernelCase product_case(const Format& format, const Shape& a, const Shape& b, bool trans_b,
                        int limit) {
  QuantizedMatMul op;
  op.trans_b = trans_b;
  set_format(op, format);
  const int64_t columns = trans_b ? b[0] : b[1];
  const Shape y = op.plain().output_shape(a, b);
  return {op,
          {random_codes(format.x, a, 1), random_codes(DataType::kInt8, b, 2, limit),
           positive({columns}, 3, 1e-3f / static_cast<float>(a.back())),
           format.bias ? random_tensor({columns}, 4) : Tensor(), residual_of(format, y)},
          {1, 2, 3}};
}

void expect_convolutions_agree(std::string_view kernel, int limit) {
  for (const Format& format : kFormats) {
    expect_agreement(conv_case(format, {2, 9, 11, 32}, {48, 32, 3, 3}, 1, 1, limit), kernel);
    expect_agreement(conv_case(format, {1, 15, 17, 4}, {32, 4, 7, 7}, 2, 3, limit), kernel);
    expect_agreement(conv_case(format, {3, 8, 6, 64}, {128, 64, 1, 1}, 2, 0, limit), kernel);
  }
}

void expect_products_agree(std::string_view kernel, int limit) {
  for (const Format& format : kFormats) {
    expect_agreement(product_case(format, {37, 1, 128}, {128, 96}, false, limit), kernel);
    expect_agreement(product_case(format, {2, 19, 64}, {80, 64}, true, limit), kernel);
  }
}

TEST(QuantizedKernels, OnednnAgreesWithTheReferenceToOneStep) {
  expect_convolutions_agree("onednn:int8_conv", cpu::exact_weight_limit());
  expect_products_agree("onednn:int8_matmul", cpu::exact_weight_limit());
}

TEST(QuantizedKernels, VariantsAgreeWithTheReferenceToOneStep) {
  const int limit = cpu::exact_weight_limit();
  const auto expect_where_taken = [](KernelCase test, std::string_view kernel) {
    test.only = kernel;
    const PreparedCase prepared(test);
    if (prepared.kernel() != nullptr) return expect_agreement(test, kernel), 1;
    EXPECT_NE(prepared.declined(), "");
    return 0;
  };
  int images = 0, products = 0;
  for (const Format& format : kFormats) {
    const KernelCase conv = conv_case(format, {2, 9, 11, 32}, {48, 32, 3, 3}, 1, 1, limit);
    const KernelCase product = product_case(format, {2, 19, 64}, {80, 64}, true, limit);
    images += expect_where_taken(conv, "onednn:int8_conv_by_image");
    expect_where_taken(conv, "onednn:int8_conv_second");
    products += expect_where_taken(product, "onednn:int8_matmul_as_conv");
    expect_where_taken(product, "onednn:int8_matmul_second");
  }
  EXPECT_EQ(images, std::ssize(kFormats));
  EXPECT_GT(products, 0);
}

TEST(QuantizedKernels, WidenedToFloatsTheyAgreeWithTheReferenceToOneStep) {
  expect_convolutions_agree("onednn:widened_conv", 127);
  expect_products_agree("onednn:widened_matmul", 127);
}

TEST(QuantizedKernels, WidenedTo16BitsTheyAgreeWithTheReferenceToOneStep) {
  if (cpu::exact_weight_limit() == 127) GTEST_SKIP() << "this CPU has VNNI: not needed";
  testing::for_each_simd_target([] {
    expect_convolutions_agree("simd:int16_conv", 127);
    expect_products_agree("simd:int16_matmul", 127);
  });
}

TEST(QuantizedKernels, WidenedTo16BitsTheyTakeAnyShape) {
  if (cpu::exact_weight_limit() == 127) GTEST_SKIP() << "this CPU has VNNI: not needed";
  testing::for_random_cases([](testing::Dice& dice) {
    const Format& format = kFormats[dice.between(0, std::ssize(kFormats) - 1)];
    const int64_t channels = dice.between(1, 9), kernel = dice.between(1, 4);
    const int64_t side = dice.between(kernel, 14);
    expect_agreement(
        conv_case(format, {dice.between(1, 3), side, dice.between(kernel, 60), channels},
                  {dice.between(1, 40), channels, kernel, kernel}, dice.between(1, 3),
                  dice.between(0, kernel - 1), 127),
        "simd:int16_conv");
    const int64_t depth = dice.between(1, 70);
    expect_agreement(product_case(format, {dice.between(1, 3), dice.between(1, 120), depth},
                                  {depth, dice.between(1, 70)}, false, 127),
                     "simd:int16_matmul");
  });
}

TEST(QuantizedKernels, SaturatingProductsAreNeverChosen) {
  const KernelCase test = conv_case(kFormats[0], {2, 9, 11, 32}, {48, 32, 3, 3}, 1, 1, 127);
  EXPECT_EQ(PreparedCase(test).kernel_name(),
            cpu::exact_weight_limit() == 127 ? "onednn:int8_conv" : "simd:int16_conv");
  const KernelCase reduced = conv_case(kFormats[0], {2, 9, 11, 32}, {48, 32, 3, 3}, 1, 1, 63);
  EXPECT_EQ(PreparedCase(reduced).kernel_name(), "onednn:int8_conv");
}

TEST(QuantizedKernels, AChannelsFirstConvolutionRuns) {
  KernelCase test = conv_case(kFormats[0], {2, 9, 11, 32}, {48, 32, 3, 3}, 1, 1, 63);
  auto& op = std::get<QuantizedConv>(test.op);
  op.channels_last = false;
  test.inputs[0] = random_codes(DataType::kUInt8, {2, 32, 9, 11}, 1);
  expect_agreement(test, "onednn:int8_conv");
}

TEST(QuantizedKernels, AResidualOfAnotherWidthRunsWidened) {
  KernelCase test = conv_case(kFormats[0], {2, 9, 11, 32}, {48, 32, 3, 3}, 1, 1, 63);
  test.inputs[4] = random_tensor({2, 9, 11, 48}, 5);
  expect_agreement(test, "onednn:widened_conv");
}

TEST(QuantizedKernels, QuantizingAgreesWithTheReference) {
  for (const DataType type : {DataType::kInt8, DataType::kUInt8}) {
    const Tensor zero = cast(Tensor::scalar<int64_t>(type == DataType::kInt8 ? 0 : 3), type);
    Tensor x = random_tensor({3, 7, 13}, 1);
    x.mutable_data<float>()[5] = std::numeric_limits<float>::quiet_NaN();
    x.mutable_data<float>()[6] = 1e30f;
    x.mutable_data<float>()[7] = -std::numeric_limits<float>::infinity();
    const PreparedCase quantize({QuantizeLinear{}, {x, Tensor::scalar(0.01f), zero}, {1, 2}});
    ASSERT_EQ(quantize.kernel_name(), "simd:quantize");
    auto memory = quantize.memory();
    quantize.run(memory);
    EXPECT_EQ(memory.outputs[0], quantize.reference()[0]);
    const PreparedCase dequantize(
        {DequantizeLinear{}, {memory.outputs[0], Tensor::scalar(0.01f), zero}, {1, 2}});
    ASSERT_EQ(dequantize.kernel_name(), "simd:dequantize");
    auto back = dequantize.memory();
    dequantize.run(back);
    EXPECT_EQ(back.outputs[0], dequantize.reference()[0]);
  }
}

TEST(QuantizedKernels, ANormalizationWritesItsCodesToo) {
  for (const DataType type : {DataType::kInt8, DataType::kUInt8}) {
    for (const int64_t width : {5, 64, 77}) {
      const PreparedCase normalize(
          {QuantizedLayerNormalization{{}, -1, 1e-5f, type, 0.01f},
           {random_tensor({3, 7, width}, 1), random_tensor({width}, 2), random_tensor({width}, 3)},
           {},
           2});
      ASSERT_EQ(normalize.kernel_name(), "simd:layer_norm");
      auto memory = normalize.memory();
      normalize.run(memory);
      const std::vector<Tensor> expected = normalize.reference();
      EXPECT_LE(testing::max_abs_difference(memory.outputs[0], expected[0]), 1e-5);
      const std::vector<double> want = to_doubles(expected[1]);
      const std::vector<double> got = to_doubles(memory.outputs[1]);
      for (size_t i = 0; i < want.size(); ++i) EXPECT_LE(std::abs(want[i] - got[i]), 1) << i;
    }
  }
}

TEST(QuantizedKernels, PoolingCodesIsExact) {
  MaxPool pool;
  pool.channels_last = true;
  pool.kernel_shape = {3, 3};
  pool.strides = {2, 2};
  pool.pads = {1, 1, 1, 1};
  for (const DataType type : {DataType::kInt8, DataType::kUInt8}) {
    const PreparedCase prepared({pool, {random_codes(type, {2, 9, 12, 37}, 1)}});
    ASSERT_EQ(prepared.kernel_name(), "simd:pool");
    auto memory = prepared.memory();
    prepared.run(memory);
    EXPECT_EQ(memory.outputs[0], prepared.reference()[0]);
  }
}

}  // namespace
}  // namespace tendon
