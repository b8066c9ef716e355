// The operators that passes make for GPUs alone, at the sizes at which their kernels change, on
// every backend.
#include <gmock/gmock.h>

#include "ops/image_conv.h"
#include "ops/layer_normalization_matmul.h"
#include "ops/normalized_matmul.h"
#include "support/graphs.h"
#include "support/run_on_all_backends.h"

namespace tendon {
namespace {

using testing::GraphBuilder;

/// Small values: sums of many products stay where the tolerances are absolute.
ValueId constant(GraphBuilder& b, const Shape& shape, DataType dtype, float size = 0.125F) {
  Tensor values = testing::random_tensor(shape, 7);
  for (float& value : values.mutable_data<float>()) value *= size;
  return b.constant(cast(values, dtype));
}

struct NormCase {
  const char* name;
  int64_t m, k, n;
  bool plain = false;  ///< neither bias nor residual nor shift
  int64_t behind = 0;  ///< columns of the residual behind the result's
};

Graph norm_graph(const NormCase& test, DataType dtype) {
  GraphBuilder b;
  const ValueId x = b.input("x", {test.m, test.k}, dtype);
  const ValueId weight = constant(b, {test.k, test.n}, dtype);
  const ValueId scale = constant(b, {test.n}, dtype);
  NormalizedMatMul op;
  op.alpha = 0.5F;
  op.epsilon = 1e-3F;
  if (test.plain) {
    b.output(b.node(op, {x, weight, kNone, kNone, scale}, "y"));
  } else {
    b.output(b.node(
        op,
        {x, weight, constant(b, {test.n}, dtype),
         b.input("r", {test.m, test.n + test.behind}, dtype), scale, constant(b, {test.n}, dtype)},
        "y"));
  }
  return b.done();
}

class NormalizedProducts : public ::testing::TestWithParam<NormCase> {};

TEST_P(NormalizedProducts, AgreeInFloat32) {
  EXPECT_TRUE(testing::runs_alike_on_all_backends(norm_graph(GetParam(), DataType::kFloat32)));
}

TEST_P(NormalizedProducts, AgreeInFloat16) {
  EXPECT_TRUE(testing::runs_alike_on_all_backends(norm_graph(GetParam(), DataType::kFloat16)));
}

TEST_P(NormalizedProducts, AgreeInBfloat16) {
  EXPECT_TRUE(testing::runs_alike_on_all_backends(norm_graph(GetParam(), DataType::kBFloat16)));
}

INSTANTIATE_TEST_SUITE_P(Sizes, NormalizedProducts,
                         ::testing::Values(NormCase{"one_block_of_columns", 65, 192, 128},
                                           NormCase{"rows_of_three_blocks", 70, 72, 384},
                                           NormCase{"rows_of_four_blocks", 130, 640, 512},
                                           NormCase{"first_columns", 130, 512, 512, false, 1536},
                                           NormCase{"first_of_few", 66, 64, 72, false, 24},
                                           NormCase{"first_unaligned", 66, 64, 128, false, 3},
                                           NormCase{"rows_of_eight_blocks", 33, 64, 1024, true},
                                           NormCase{"too_many_columns", 3, 64, 1152},
                                           NormCase{"columns_that_fill_no_block", 66, 64, 72}),
                         [](const auto& param) { return std::string(param.param.name); });

struct RowsCase {
  const char* name;
  Shape x;
  int64_t columns;
  bool twice = false;  ///< normalised with scale and shift before
  bool plain = false;  ///< no bias
};

Graph rows_graph(const RowsCase& test, DataType dtype) {
  GraphBuilder b;
  const int64_t width = test.x.back();
  const auto float_constant = [&](const Shape& shape) {
    return constant(b, shape, DataType::kFloat32);
  };
  std::vector<ValueId> inputs{b.input("x", test.x, dtype), float_constant({width, test.columns}),
                              test.plain ? kNone : float_constant({test.columns})};
  if (test.twice) {
    inputs.push_back(b.constant(testing::random_tensor({width}, 3)));
    if (!test.plain) inputs.push_back(b.constant(testing::random_tensor({width}, 4)));
  }
  const LayerNormalizationMatMul op{.epsilon = 1e-3F, .first_epsilon = 1e-2F};
  b.output(b.node(op, inputs, "y"));
  return b.done();
}

class ProductsOfNormalizedRows : public ::testing::TestWithParam<RowsCase> {};

TEST_P(ProductsOfNormalizedRows, AgreeInFloat32) {
  EXPECT_TRUE(testing::runs_alike_on_all_backends(rows_graph(GetParam(), DataType::kFloat32)));
}

TEST_P(ProductsOfNormalizedRows, AgreeInFloat16) {
  EXPECT_TRUE(testing::runs_alike_on_all_backends(rows_graph(GetParam(), DataType::kFloat16)));
}

TEST_P(ProductsOfNormalizedRows, AgreeInBfloat16) {
  EXPECT_TRUE(testing::runs_alike_on_all_backends(rows_graph(GetParam(), DataType::kBFloat16)));
}

INSTANTIATE_TEST_SUITE_P(
    Sizes, ProductsOfNormalizedRows,
    ::testing::Values(RowsCase{"actions", {1, 100, 512}, 14, true},
                      RowsCase{"normalised_once", {100, 512}, 14},
                      RowsCase{"without_bias_and_shift", {7, 256}, 5, true, true},
                      RowsCase{"rows_of_a_batch", {3, 2, 72}, 64, true},
                      RowsCase{"one_column_of_one_pack", {1, 4}, 1, false, true},
                      RowsCase{"long_rows", {5, 516}, 3, true},
                      RowsCase{"the_longest_rows", {33, 1024}, 2, true},
                      RowsCase{"too_long_rows", {2, 1028}, 2, true}),
    [](const auto& param) { return std::string(param.param.name); });

struct ImageCase {
  const char* name;
  Shape image;
  DataType dtype;
  int64_t outputs, kernel;
  bool channels_last;
  bool offset = true;
  bool pooled = false;
};

Graph image_graph(const ImageCase& test, DataType dtype) {
  GraphBuilder b;
  const int64_t channels = test.image[test.channels_last ? 3 : 1];
  ImageConv op;
  op.channels_last = test.channels_last;
  op.activation = Activation::kRelu;
  op.pooled = test.pooled;
  op.strides = {2, 2};
  op.pads = std::vector<int64_t>(4, test.kernel / 2);
  const float size = test.dtype == DataType::kUInt8 ? 1.0F / 1024 : 1.0F / 32;
  std::vector<ValueId> inputs = {
      b.input("x", test.image, test.dtype),
      constant(b, {test.outputs, channels, test.kernel, test.kernel}, dtype, size),
      constant(b, {test.outputs}, dtype)};
  if (test.offset) inputs.push_back(constant(b, {channels}, DataType::kFloat32, 2.0F));
  b.output(b.node(op, inputs, "y"));
  return b.done();
}

class ImageConvolutions : public ::testing::TestWithParam<ImageCase> {};

TEST_P(ImageConvolutions, AgreeInFloat32) {
  EXPECT_TRUE(testing::runs_alike_on_all_backends(image_graph(GetParam(), DataType::kFloat32)));
}

TEST_P(ImageConvolutions, AgreeInFloat16) {
  EXPECT_TRUE(testing::runs_alike_on_all_backends(image_graph(GetParam(), DataType::kFloat16)));
}

TEST_P(ImageConvolutions, AgreeInBfloat16) {
  EXPECT_TRUE(testing::runs_alike_on_all_backends(image_graph(GetParam(), DataType::kBFloat16)));
}

constexpr DataType kBytes = DataType::kUInt8;
constexpr DataType kFloats = DataType::kFloat32;
INSTANTIATE_TEST_SUITE_P(
    Sizes, ImageConvolutions,
    ::testing::Values(
        ImageCase{"planes", {2, 3, 23, 37}, kFloats, 64, 7, false},
        ImageCase{"planes_of_bytes", {2, 3, 23, 70}, kBytes, 64, 7, false},
        ImageCase{"pixels_of_bytes", {1, 16, 35, 3}, kBytes, 8, 7, true},
        ImageCase{"pixels_of_halves", {1, 16, 35, 4}, DataType::kFloat16, 8, 7, true},
        ImageCase{"pixels_of_bfloats", {1, 16, 35, 4}, DataType::kBFloat16, 8, 7, true},
        ImageCase{"one_plane", {3, 1, 9, 10}, kFloats, 16, 7, false, false},
        ImageCase{"another_window", {1, 3, 16, 12}, kFloats, 8, 5, false},
        ImageCase{"pooled", {2, 3, 46, 75}, kFloats, 64, 7, false, true, true},
        ImageCase{"pooled_bytes", {1, 21, 130, 3}, kBytes, 72, 7, true, true, true},
        ImageCase{"pooled_halves", {1, 4, 9, 8}, DataType::kFloat16, 8, 7, false, false, true},
        ImageCase{"pooled_bfloats", {1, 4, 9, 8}, DataType::kBFloat16, 8, 7, false, false, true},
        ImageCase{"pooled_otherwise", {1, 3, 16, 12}, kFloats, 8, 5, false, true, true}),
    [](const auto& param) { return std::string(param.param.name); });

}  // namespace
}  // namespace tendon
