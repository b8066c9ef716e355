// Operators on 8-bit codes at the sizes at which GPU kernels change, on every backend.
#include <gmock/gmock.h>

#include <random>

#include "ops/image_conv.h"
#include "ops/normalized_matmul.h"
#include "ops/quantized_conv.h"
#include "ops/quantized_image_conv.h"
#include "ops/quantized_normalized_matmul.h"
#include "support/graphs.h"
#include "support/run_on_all_backends.h"

namespace tendon {
namespace {

using testing::GraphBuilder;

constexpr DataType kFloat = DataType::kFloat32;
constexpr DataType kHalf = DataType::kFloat16;
constexpr DataType kBfloat = DataType::kBFloat16;
constexpr DataType kSigned = DataType::kInt8;
constexpr DataType kUnsigned = DataType::kUInt8;
constexpr DataType kNothing = DataType::kBool;

Tensor codes(DataType type, const Shape& shape, uint32_t seed) {
  std::mt19937 generator(seed);
  std::uniform_int_distribution<int64_t> any(type == kUnsigned ? 0 : -127,
                                             type == kUnsigned ? 255 : 127);
  std::vector<int64_t> values(static_cast<size_t>(shape.element_count()));
  for (int64_t& value : values) value = any(generator);
  return cast(Tensor::from<int64_t>(shape, values), type);
}

Tensor scales(int64_t count, float size) {
  Tensor tensor = testing::random_tensor({count}, 3);
  for (float& value : tensor.mutable_data<float>()) value = size * (0.5F + std::abs(value));
  return tensor;
}

/// What a product reads and writes besides its factors; kNothing where there is no such thing.
struct Format {
  DataType x, residual, y;
  DataType bias = kFloat;
  Activation activation = Activation::kRelu;
};

constexpr Format kFormats[] = {
    {kUnsigned, kNothing, kUnsigned},
    {kUnsigned, kUnsigned, kUnsigned},
    {kSigned, kSigned, kSigned, kNothing, Activation::kNone},
    {kSigned, kNothing, kHalf, kFloat, Activation::kNone},
    {kUnsigned, kHalf, kHalf, kHalf, Activation::kNone},
    {kSigned, kSigned, kSigned, kFloat, Activation::kRelu},
    {kSigned, kNothing, kBfloat, kBfloat, Activation::kRelu},
    {kUnsigned, kBfloat, kBfloat, kFloat, Activation::kNone},
    {kUnsigned, kFloat, kFloat},
    {kSigned, kNothing, kUnsigned, kFloat, Activation::kGelu},
};

bool is_code(DataType type) { return type == kSigned || type == kUnsigned; }

template <class Op>
void set_format(Op& op, const Format& format) {
  op.activation = format.activation;
  op.y_dtype = format.y;
  op.y_scale = is_code(format.y) ? 0.02F : 1.0F;
  op.residual_scale = is_code(format.residual) ? 0.013F : 1.0F;
}

/// The graph of `op` on inputs x and, where there is one, the residual, and those inputs.
struct Problem {
  GraphBuilder builder;
  TensorMap inputs;

  ValueId input(const std::string& name, DataType type, const Shape& shape) {
    inputs[name] =
        is_code(type) ? codes(type, shape, 5) : cast(testing::random_tensor(shape, 5), type);
    return builder.input(name, shape, type);
  }
  ValueId constant(const Tensor& tensor, DataType type) {
    return builder.constant(cast(tensor, type));
  }
  ::testing::AssertionResult agrees() {
    return testing::runs_alike_on_all_backends(builder.done(), inputs);
  }
};

/// The inputs of a QuantizedConv or QuantizedMatMul whose result has shape `y`.
std::vector<ValueId> operands(Problem& problem, const Format& format, const Shape& x,
                              const Shape& weight, const Shape& y, float size) {
  const int64_t channels = y.back();
  return {problem.input("x", format.x, x), problem.builder.constant(codes(kSigned, weight, 2)),
          problem.builder.constant(scales(channels, size)),
          format.bias == kNothing
              ? kNone
              : problem.constant(testing::random_tensor({channels}, 4), format.bias),
          format.residual == kNothing ? kNone : problem.input("r", format.residual, y)};
}

struct Int8ConvCase {
  const char* name;
  Shape x;
  int64_t outputs, kernel, stride;
};

class QuantizedConvolutions : public ::testing::TestWithParam<Int8ConvCase> {};

TEST_P(QuantizedConvolutions, Agree) {
  const Int8ConvCase& test = GetParam();
  for (const Format& format : kFormats) {
    Problem problem;
    QuantizedConv op;
    op.channels_last = true;
    op.strides = {test.stride, test.stride};
    op.pads = std::vector<int64_t>(4, test.kernel / 2);
    set_format(op, format);
    const Shape weight{test.outputs, test.x[3], test.kernel, test.kernel};
    const Shape y{test.x[0], (test.x[1] - 1) / test.stride + 1, (test.x[2] - 1) / test.stride + 1,
                  test.outputs};
    const float size = 2e-4F / static_cast<float>(test.x[3]);
    problem.builder.output(
        problem.builder.node(op, operands(problem, format, test.x, weight, y, size), "y"));
    EXPECT_TRUE(problem.agrees()) << name_of(format.x) << " to " << name_of(format.y);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Sizes, QuantizedConvolutions,
    ::testing::Values(Int8ConvCase{"patches", {2, 9, 20, 128}, 72, 3, 1},
                      Int8ConvCase{"patches_of_half_lines", {1, 19, 23, 64}, 64, 3, 1},
                      Int8ConvCase{"two_lines", {1, 8, 10, 256}, 136, 3, 1},
                      Int8ConvCase{"windows", {2, 9, 12, 128}, 64, 3, 2},
                      Int8ConvCase{"windows_of_half_lines", {2, 9, 12, 64}, 128, 3, 2},
                      Int8ConvCase{"pixels", {3, 8, 6, 192}, 40, 1, 2},
                      Int8ConvCase{"few_channels", {1, 9, 11, 32}, 48, 3, 1}),
    [](const auto& param) { return std::string(param.param.name); });

struct Int8ProductCase {
  const char* name;
  int64_t m, k, n;
  bool trans_b = false;
  int64_t behind = 0;  ///< columns of a residual behind the result's
};

class QuantizedProducts : public ::testing::TestWithParam<Int8ProductCase> {};

TEST_P(QuantizedProducts, Agree) {
  const Int8ProductCase& test = GetParam();
  for (const Format& format : kFormats) {
    Problem problem;
    QuantizedMatMul op;
    op.trans_b = test.trans_b;
    set_format(op, format);
    const Shape weight = test.trans_b ? Shape{test.n, test.k} : Shape{test.k, test.n};
    const float size = 1e-3F / static_cast<float>(test.k);
    problem.builder.output(problem.builder.node(
        op, operands(problem, format, {test.m, test.k}, weight, {test.m, test.n}, size), "y"));
    EXPECT_TRUE(problem.agrees()) << name_of(format.x) << " to " << name_of(format.y);
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, QuantizedProducts,
                         ::testing::Values(Int8ProductCase{"parts_of_a_sum", 65, 1664, 128},
                                           Int8ProductCase{"broken_lines", 70, 80, 24, true},
                                           Int8ProductCase{"many_columns", 130, 128, 520}),
                         [](const auto& param) { return std::string(param.param.name); });

TEST(QuantizedProducts, TakeABiasOfRows) {
  for (const DataType type : {kFloat, kHalf, kBfloat}) {
    Problem problem;
    const ValueId bias = problem.constant(testing::random_tensor({70, 1, 64}, 9), type);
    problem.builder.output(
        problem.builder.node(QuantizedMatMul{},
                             {problem.input("x", kSigned, {70, 1, 128}),
                              problem.builder.constant(codes(kSigned, {128, 64}, 2)),
                              problem.builder.constant(scales(64, 1e-5F)), bias},
                             "y"));
    EXPECT_TRUE(problem.agrees()) << name_of(type);
  }
}

class NormalizedCodes : public ::testing::TestWithParam<Int8ProductCase> {};

/// Both products with the norm behind them, in `type`, with and without codes.
void expect_norms_agree(const Int8ProductCase& test, DataType type, DataType written) {
  Problem problem;
  QuantizedNormalizedMatMul op;
  op.trans_b = test.trans_b;
  op.codes_dtype = written == kNothing ? kFloat : written;
  op.codes_scale = 0.02F;
  const Shape weight = test.trans_b ? Shape{test.n, test.k} : Shape{test.k, test.n};
  const ValueId residual = problem.input("r", type, {test.m, test.n + test.behind});
  const ValueId scale = problem.constant(testing::random_tensor({test.n}, 6), type);
  const size_t outputs = written == kNothing ? 1 : 2;
  for (const ValueId id : problem.builder.node(
           op,
           {problem.input("x", kUnsigned, {test.m, test.k}),
            problem.builder.constant(codes(kSigned, weight, 2)),
            problem.builder.constant(scales(test.n, 1e-3F / static_cast<float>(test.k))),
            problem.builder.constant(testing::random_tensor({test.n}, 4)), residual, scale},
           outputs, "int8")) {
    problem.builder.output(id);
  }
  EXPECT_TRUE(problem.agrees()) << name_of(type);
}

void expect_float_norms_agree(const Int8ProductCase& test, DataType type) {
  Problem problem;
  NormalizedMatMul op;
  op.codes_dtype = kSigned;
  op.codes_scale = 0.02F;
  Tensor weight = testing::random_tensor({test.k, test.n}, 2);
  for (float& value : weight.mutable_data<float>()) value *= 0.125F;
  const ValueId vector = problem.constant(testing::random_tensor({test.n}, 6), type);
  for (const ValueId id : problem.builder.node(
           op,
           {problem.input("x", type, {test.m, test.k}), problem.constant(weight, type), vector,
            problem.input("r", type, {test.m, test.n + test.behind}), vector, vector},
           2, "float")) {
    problem.builder.output(id);
  }
  EXPECT_TRUE(problem.agrees()) << name_of(type);
}

TEST_P(NormalizedCodes, AgreeInFloat32) {
  expect_norms_agree(GetParam(), kFloat, kSigned);
  expect_float_norms_agree(GetParam(), kFloat);
}

TEST_P(NormalizedCodes, AgreeInFloat16) {
  expect_norms_agree(GetParam(), kHalf, kSigned);
  expect_norms_agree(GetParam(), kHalf, kUnsigned);
  expect_norms_agree(GetParam(), kHalf, kNothing);
  expect_float_norms_agree(GetParam(), kHalf);
}

TEST_P(NormalizedCodes, AgreeInBfloat16) {
  expect_norms_agree(GetParam(), kBfloat, kSigned);
  expect_norms_agree(GetParam(), kBfloat, kUnsigned);
  expect_norms_agree(GetParam(), kBfloat, kNothing);
  expect_float_norms_agree(GetParam(), kBfloat);
}

INSTANTIATE_TEST_SUITE_P(
    Sizes, NormalizedCodes,
    ::testing::Values(Int8ProductCase{"one_block_of_columns", 65, 192, 128},
                      Int8ProductCase{"rows_of_four_blocks", 130, 640, 512, true},
                      Int8ProductCase{"rows_of_eight_blocks", 33, 64, 1024},
                      Int8ProductCase{"columns_that_fill_no_block", 66, 64, 72},
                      Int8ProductCase{"first_columns", 130, 640, 512, true, 1536},
                      Int8ProductCase{"first_of_few", 66, 64, 72, false, 24}),
    [](const auto& param) { return std::string(param.param.name); });

/// A row with NaN in it is NaN, and its codes are 0.
TEST(NormalizedCodes, OfNaNAreZero) {
  for (const DataType type : {kFloat, kHalf, kBfloat}) {
    constexpr int64_t kRow = 3;
    constexpr int64_t kColumns = 128;
    Problem problem;
    NormalizedMatMul op;
    op.codes_dtype = kSigned;
    op.codes_scale = 0.02F;
    const ValueId x = problem.input("x", type, {70, 64});
    const ValueId weight = problem.constant(testing::random_tensor({64, kColumns}, 2), type);
    const ValueId residual = problem.input("r", type, {70, kColumns});
    Tensor values = testing::random_tensor({70, kColumns}, 5);
    values.mutable_data<float>()[kRow * kColumns + 7] = std::numeric_limits<float>::quiet_NaN();
    problem.inputs["r"] = cast(values, type);
    const ValueId scale = problem.constant(testing::random_tensor({kColumns}, 6), type);
    const auto made =
        problem.builder.node(op, {x, weight, kNone, residual, scale}, 2, "normalised");
    for (const ValueId id : made) problem.builder.output(id);
    const Graph graph = problem.builder.done();
    const TensorMap expected = testing::run_reference(graph, problem.inputs);
    const auto codes_of_row =
        expected.find("normalised.1")->second.data<int8_t>().subspan(kRow * kColumns, kColumns);
    EXPECT_THAT(codes_of_row, ::testing::Each(0));
    EXPECT_TRUE(testing::runs_alike_on_all_backends(graph, problem.inputs)) << name_of(type);
  }
}

TEST(QuantizedLayerNormalizations, Agree) {
  for (const DataType type : {kFloat, kHalf, kBfloat}) {
    for (const int64_t width : {512, 72, 75}) {
      Problem problem;
      QuantizedLayerNormalization op;
      op.y_scale = 0.02F;
      const ValueId scale = problem.constant(testing::random_tensor({width}, 6), type);
      for (const ValueId id : problem.builder.node(
               op, {problem.input("x", type, {13, width}), scale, scale}, 2, "y")) {
        problem.builder.output(id);
      }
      EXPECT_TRUE(problem.agrees()) << name_of(type) << ", " << width;
    }
  }
}

TEST(Quantizing, ThereAndBackAgrees) {
  for (const DataType type : {kFloat, kHalf, kBfloat}) {
    for (const DataType code : {kSigned, kUnsigned}) {
      Problem problem;
      const ValueId scale = problem.builder.constant(Tensor::scalar(0.019F));
      const ValueId zero = problem.builder.constant(cast(Tensor::scalar<int64_t>(0), code));
      const ValueId x = problem.input("x", type, {3, 37});
      const ValueId made = problem.builder.node(QuantizeLinear{}, {x, scale, zero}, "codes");
      problem.builder.output(made);
      const ValueId given = problem.input("given", code, {3, 37});
      problem.builder.output(
          problem.builder.node(DequantizeLinear{}, {given, scale, zero}, "floats"));
      EXPECT_TRUE(problem.agrees()) << name_of(type) << " and " << name_of(code);
    }
  }
}

TEST(MaxPools, OfCodesAgree) {
  for (const DataType type : {kSigned, kUnsigned}) {
    Problem problem;
    MaxPool pool = ImageConv::pool();
    problem.builder.output(
        problem.builder.node(pool, {problem.input("x", type, {2, 9, 11, 32})}, "y"));
    EXPECT_TRUE(problem.agrees()) << name_of(type);
  }
}

TEST(ImageConvolutions, ThatMakeCodesAgree) {
  for (const DataType type : {kFloat, kHalf, kBfloat}) {
    for (const int64_t kernel : {7, 5}) {
      Problem problem;
      ImageConv op;
      op.activation = Activation::kRelu;
      op.pooled = true;
      op.strides = {2, 2};
      op.pads = std::vector<int64_t>(4, kernel / 2);
      op.y_dtype = kUnsigned;
      op.y_scale = 0.02F;
      Tensor weight = testing::random_tensor({64, 3, kernel, kernel}, 2);
      for (float& value : weight.mutable_data<float>()) value *= 0.03F;
      problem.builder.output(problem.builder.node(
          op,
          {problem.input("x", kFloat, {2, 3, 46, 75}), problem.constant(weight, type),
           problem.constant(testing::random_tensor({64}, 4), type)},
          "y"));
      EXPECT_TRUE(problem.agrees()) << name_of(type) << ", " << kernel;
    }
  }
}

TEST(QuantizedImageConvolutions, Agree) {
  for (const DataType type : {kFloat, kUnsigned}) {
    for (const bool channels_last : {false, true}) {
      Problem problem;
      QuantizedImageConv op;
      op.activation = Activation::kRelu;
      op.channels_last = channels_last;
      op.strides = {2, 2};
      op.pads = {3, 3, 3, 3};
      op.offset = type == kFloat ? 0.1F : 128.0F;
      op.x_scale = type == kFloat ? 0.02F : 1.0F;
      op.inside = 127;
      op.y_dtype = channels_last ? kSigned : kUnsigned;
      op.y_scale = 0.02F;
      const int64_t outputs = channels_last ? 80 : 32;
      problem.builder.output(problem.builder.node(
          op,
          {problem.input("x", type, channels_last ? Shape{2, 46, 75, 3} : Shape{2, 3, 46, 75}),
           problem.builder.constant(codes(kSigned, {outputs, 4, 7, 7}, 2)),
           problem.builder.constant(scales(outputs, 2e-5F)),
           problem.builder.constant(testing::random_tensor({outputs}, 4))},
          "y"));
      EXPECT_TRUE(problem.agrees()) << name_of(type) << (channels_last ? ", pixels" : ", planes");
    }
  }
}

}  // namespace
}  // namespace tendon
