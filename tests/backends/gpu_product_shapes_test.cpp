// Products, convolutions and their images of the sizes at which fast kernels change their ways, on
// every backend.
#include <gmock/gmock.h>

#include "ops/fused_conv.h"
#include "support/graphs.h"
#include "support/run_on_all_backends.h"

namespace tendon {
namespace {

using testing::GraphBuilder;

struct ConvCase {
  const char* name;
  Shape image;  ///< channels last
  int64_t outputs, kernel, stride, pad;
  bool residual;
};

/// Small values: sums of many products stay where the tolerances are absolute.
ValueId constant(GraphBuilder& b, const Shape& shape, DataType dtype, const char* name) {
  Tensor values = testing::random_tensor(shape, 7);
  for (float& value : values.mutable_data<float>()) value /= 32;
  return b.constant(cast(values, dtype), name);
}

Graph conv_graph(const ConvCase& test, DataType dtype) {
  GraphBuilder b;
  const ValueId x = b.input("x", test.image, dtype);
  const ValueId weight =
      constant(b, {test.outputs, test.image[3], test.kernel, test.kernel}, dtype, "w");
  const ValueId bias = constant(b, {test.outputs}, dtype, "b");
  FusedConv op;
  op.channels_last = true;
  op.activation = Activation::kRelu;
  op.strides = {test.stride, test.stride};
  op.pads = std::vector<int64_t>(4, test.pad);
  std::vector<ValueId> inputs = {x, weight, bias};
  if (test.residual) {
    const int64_t height = (test.image[1] + 2 * test.pad - test.kernel) / test.stride + 1;
    const int64_t width = (test.image[2] + 2 * test.pad - test.kernel) / test.stride + 1;
    inputs.push_back(b.input("r", {test.image[0], height, width, test.outputs}, dtype));
  }
  b.output(b.node(op, inputs, "conv"));
  return b.done();
}

class Convolutions : public ::testing::TestWithParam<ConvCase> {};

TEST_P(Convolutions, AgreeInFloat32) {
  EXPECT_TRUE(testing::runs_alike_on_all_backends(conv_graph(GetParam(), DataType::kFloat32)));
}

TEST_P(Convolutions, AgreeInFloat16) {
  EXPECT_TRUE(testing::runs_alike_on_all_backends(conv_graph(GetParam(), DataType::kFloat16)));
}

TEST_P(Convolutions, AgreeInBfloat16) {
  EXPECT_TRUE(testing::runs_alike_on_all_backends(conv_graph(GetParam(), DataType::kBFloat16)));
}

INSTANTIATE_TEST_SUITE_P(
    Sizes, Convolutions,
    ::testing::Values(ConvCase{"one_block_of_channels", {2, 7, 9, 64}, 24, 3, 1, 1, true},
                      ConvCase{"narrower_than_a_window", {3, 5, 1, 64}, 8, 3, 1, 1, false},
                      ConvCase{"several_blocks_of_channels", {1, 5, 6, 256}, 72, 3, 1, 1, true},
                      ConvCase{"blocks_beside_each_other", {2, 9, 33, 64}, 72, 3, 1, 1, true},
                      ConvCase{"blocks_below_each_other", {1, 17, 8, 192}, 136, 3, 1, 1, true},
                      ConvCase{"windows_of_several_blocks", {3, 17, 13, 128}, 72, 3, 2, 1, true},
                      ConvCase{"half_a_block_of_channels", {1, 9, 8, 32}, 16, 3, 1, 1, false},
                      ConvCase{"every_second_pixel", {2, 9, 11, 64}, 40, 3, 2, 1, false},
                      ConvCase{"single_pixels", {1, 7, 5, 16}, 12, 1, 2, 0, true},
                      ConvCase{"first_layer", {2, 23, 37, 3}, 64, 7, 2, 3, false},
                      ConvCase{"first_layer_of_few", {1, 16, 70, 4}, 8, 7, 2, 3, false},
                      ConvCase{"first_layer_with_odd_window", {1, 16, 12, 3}, 8, 5, 2, 2, false}),
    [](const auto& param) { return std::string(param.param.name); });

struct ProductCase {
  const char* name;
  int64_t m, k, n;
  Shape bias;
  bool residual = true;
  Activation activation = Activation::kGelu;
};

Graph product_graph(const ProductCase& test, DataType dtype) {
  GraphBuilder b;
  const ValueId x = b.input("x", {test.m, test.k}, dtype);
  FusedMatMul op;
  op.alpha = 0.125F;
  op.activation = test.activation;
  std::vector<ValueId> inputs = {x, constant(b, {test.k, test.n}, dtype, "w"),
                                 constant(b, test.bias, dtype, "b")};
  if (test.residual) inputs.push_back(b.input("r", {test.m, test.n}, dtype));
  b.output(b.node(op, inputs, "product"));
  return b.done();
}

class Products : public ::testing::TestWithParam<ProductCase> {};

TEST_P(Products, AgreeInFloat32) {
  EXPECT_TRUE(testing::runs_alike_on_all_backends(product_graph(GetParam(), DataType::kFloat32)));
}

TEST_P(Products, AgreeInFloat16) {
  EXPECT_TRUE(testing::runs_alike_on_all_backends(product_graph(GetParam(), DataType::kFloat16)));
}

TEST_P(Products, AgreeInBfloat16) {
  EXPECT_TRUE(testing::runs_alike_on_all_backends(product_graph(GetParam(), DataType::kBFloat16)));
}

INSTANTIATE_TEST_SUITE_P(
    Sizes, Products,
    ::testing::Values(ProductCase{"long_sum_shared_by_blocks", 65, 1024, 72, {72}},
                      ProductCase{"long_sum_of_large_tiles", 200, 1544, 264, {264}},
                      ProductCase{"one_row", 1, 512, 14, {14}},
                      ProductCase{"odd_sum", 5, 14, 33, {33}},
                      ProductCase{"bias_for_each_element", 130, 64, 40, {130, 40}},
                      ProductCase{"positions", 130, 64, 72, {130, 72}, false, Activation::kNone},
                      ProductCase{"rectified", 70, 256, 64, {64}, false, Activation::kRelu},
                      ProductCase{"rectified_sum", 66, 128, 136, {136}, true, Activation::kRelu},
                      ProductCase{
                          "positions_in_parts", 65, 1024, 64, {65, 64}, false, Activation::kRelu},
                      ProductCase{"one_bias", 70, 72, 136, {1}}),
    [](const auto& param) { return std::string(param.param.name); });

TEST(Images, ChannelsBecomeTheLastAxisOnAllBackends) {
  for (const DataType dtype : {DataType::kFloat32, DataType::kFloat16, DataType::kBFloat16}) {
    for (const Shape& image : {Shape{2, 3, 6, 10}, Shape{2, 3, 5, 7}, Shape{1, 4, 6, 10}}) {
      GraphBuilder b;
      b.output(b.node(Transpose{.perm = {0, 2, 3, 1}}, {b.input("x", image, dtype)}, "last"));
      EXPECT_TRUE(testing::runs_alike_on_all_backends(b.done()));
    }
  }
}

struct AttentionCase {
  const char* name;
  int64_t queries, keys, heads, width;
  bool sequence_first;
  bool joined = false;  ///< k, q and v are columns of one tensor
};

Graph attention_graph(const AttentionCase& test, DataType dtype) {
  constexpr int64_t kBatch = 2;
  GraphBuilder b;
  const auto input = [&](const char* name, int64_t rows) {
    const int64_t columns = test.heads * test.width * (test.joined ? 3 : 1);
    return b.input(
        name, test.sequence_first ? Shape{rows, kBatch, columns} : Shape{kBatch, rows, columns},
        dtype);
  };
  Attention op;
  op.num_heads = test.heads;
  op.scale = 0.25F;
  op.sequence_first = test.sequence_first;
  const ValueId q = input("q", test.queries);
  if (test.joined) {
    op.width = test.heads * test.width;
    op.q_column = op.width;
    op.v_column = 2 * op.width;
    b.output(b.node(op, {q, q, q}, "attention"));
    return b.done();
  }
  const ValueId k = input("k", test.keys);
  b.output(b.node(op, {q, k, input("v", test.keys)}, "attention"));
  return b.done();
}

class Attentions : public ::testing::TestWithParam<AttentionCase> {};

TEST_P(Attentions, AgreeInFloat32) {
  EXPECT_TRUE(testing::runs_alike_on_all_backends(attention_graph(GetParam(), DataType::kFloat32)));
}

TEST_P(Attentions, AgreeInFloat16) {
  EXPECT_TRUE(testing::runs_alike_on_all_backends(attention_graph(GetParam(), DataType::kFloat16)));
}

TEST_P(Attentions, AgreeInBfloat16) {
  EXPECT_TRUE(
      testing::runs_alike_on_all_backends(attention_graph(GetParam(), DataType::kBFloat16)));
}

INSTANTIATE_TEST_SUITE_P(Sizes, Attentions,
                         ::testing::Values(AttentionCase{"width_16", 70, 65, 3, 16, true},
                                           AttentionCase{"width_32", 5, 200, 2, 32, false},
                                           AttentionCase{"width_64", 66, 130, 2, 64, true},
                                           AttentionCase{"one_key", 3, 1, 1, 64, false},
                                           AttentionCase{"many_keys", 5, 1800, 31, 64, true},
                                           AttentionCase{"keys_in_2", 70, 302, 10, 64, false},
                                           AttentionCase{"keys_in_4", 100, 902, 2, 64, true},
                                           AttentionCase{"joined", 70, 70, 2, 64, true, true},
                                           AttentionCase{"joined_by_batch", 9, 9, 3, 16, false,
                                                         true}),
                         [](const auto& param) { return std::string(param.param.name); });

}  // namespace
}  // namespace tendon
