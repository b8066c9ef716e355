// Operators that have no node cases of their own: those of ONNX Runtime's domain, and refusals.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "onnx/import_cases.h"
#include "support/graphs.h"

namespace tendon {
namespace {

using testing::Failure;
using testing::failure_of;
using ::testing::HasSubstr;
using testing::import;
using testing::max_abs_difference;
using testing::OnnxBuilder;
using testing::random_tensor;
using testing::y_of;

OnnxBuilder contrib_model(const std::vector<std::string>& dims) {
  OnnxBuilder model;
  WireWriter import;
  import.text(1, "com.microsoft");
  import.integer(2, 1);
  model.model_field(8, import);
  model.input("x", dims);
  return model;
}

/// Adds the node that is to be tested, whose first input is x and whose output is y.
void add_contrib(OnnxBuilder& model, std::string_view type, std::vector<std::string> inputs,
                 const Attributes& attributes = {}) {
  inputs.insert(inputs.begin(), "x");
  model.node(type, inputs, {"y"}, attributes, "node", "com.microsoft");
  model.output("y");
}

double gap(const Tensor& a, const Tensor& b) { return max_abs_difference(a, b); }

TEST(Expand, GelusOfOnnxRuntime) {
  const Tensor x = random_tensor({2, 4}, 1);
  const Tensor bias = random_tensor({4}, 2);
  const Tensor sum = reference(Binary{}, std::vector{x, bias})[0];
  const auto with_bias = [&](std::string_view type) {
    OnnxBuilder model = contrib_model({"2", "4"});
    model.initializer("bias", bias);
    add_contrib(model, type, {"bias"});
    return y_of(model, x);
  };
  const auto gelu = [](UnaryKind kind, const Tensor& of) {
    return reference(Unary{kind}, std::vector{of})[0];
  };
  EXPECT_LT(gap(with_bias("BiasGelu"), gelu(UnaryKind::kGelu, sum)), 1e-6);
  EXPECT_LT(gap(with_bias("FastGelu"), gelu(UnaryKind::kGeluTanh, sum)), 1e-6);
  OnnxBuilder quick = contrib_model({"1"});
  add_contrib(quick, "QuickGelu", {});
  const double expected = 2 / (1 + std::exp(-1.702 * 2));
  EXPECT_NEAR(y_of(quick, Tensor::from<float>({1}, {2})).data<float>()[0], expected, 1e-6);
}

TEST(Expand, FusedMatMulTransposesAndScales) {
  const Tensor x = random_tensor({2, 3, 4}, 1);
  const Tensor b = random_tensor({2, 5, 3}, 2);
  OnnxBuilder model = contrib_model({"2", "3", "4"});
  model.initializer("b", b);
  add_contrib(model, "FusedMatMul", {"b"},
              {{"transA", int64_t{1}}, {"transB", int64_t{1}}, {"alpha", 0.5f}});
  const auto transposed = [](const Tensor& t) {
    return reference(Transpose{.perm = {0, 2, 1}}, std::vector{t})[0];
  };
  Tensor expected = reference(MatMul{}, std::vector{transposed(x), transposed(b)})[0];
  for (float& value : expected.mutable_data<float>()) value /= 2;
  EXPECT_LT(gap(y_of(model, x), expected), 1e-6);
}

TEST(Expand, SkipLayerNormalizationAddsBeforeItNormalizes) {
  const Tensor x = random_tensor({2, 4}, 1);
  OnnxBuilder model = contrib_model({"2", "4"});
  const Tensor skip = random_tensor({2, 4}, 2);
  const Tensor gamma = random_tensor({4}, 3);
  const Tensor beta = random_tensor({4}, 4);
  model.initializer("skip", skip);
  model.initializer("gamma", gamma);
  model.initializer("beta", beta);
  add_contrib(model, "SkipLayerNormalization", {"skip", "gamma", "beta"}, {{"epsilon", 1e-3f}});
  const Tensor sum = reference(Binary{}, std::vector{x, skip})[0];
  const Op norm = LayerNormalization{.epsilon = 1e-3f};
  EXPECT_LT(gap(y_of(model, x), reference(norm, std::vector{sum, gamma, beta})[0]), 1e-6);
}

TEST(Expand, FusedActivationsFollow) {
  const Tensor x = random_tensor({1, 2, 5}, 1);
  const Tensor w = random_tensor({3, 2, 3}, 2);
  const Tensor y = reference(Conv{}, std::vector{x, w})[0];
  OnnxBuilder model = contrib_model({"1", "2", "5"});
  model.initializer("w", w);
  add_contrib(model, "FusedConv", {"w"},
              {{"activation", "Clip"}, {"activation_params", std::vector<float>{-0.5f, 0.5f}}});
  const auto clipped =
      reference(Clip{}, std::vector{y, Tensor::scalar(-0.5f), Tensor::scalar(0.5f)});
  EXPECT_LT(gap(y_of(model, x), clipped[0]), 1e-6);

  OnnxBuilder gemm = contrib_model({"2", "2"});
  gemm.initializer("b", Tensor::from<float>({2, 1}, {1, 1}));
  add_contrib(gemm, "FusedGemm", {"b"}, {{"activation", "LeakyRelu"}, {"activation_alpha", 0.5f}});
  EXPECT_EQ(y_of(gemm, Tensor::from<float>({2, 2}, {1, 2, -3, -5})),
            Tensor::from<float>({2, 1}, {3, -4}));
}

TEST(Expand, AttentionOfOneHeadIsSoftmaxOfProducts) {
  const Tensor x = random_tensor({1, 3, 2}, 1);
  OnnxBuilder model = contrib_model({"1", "3", "2"});
  // q = x, k = 2 x, v = -x.
  model.initializer("w", Tensor::from<float>({2, 6}, {1, 0, 2, 0, -1, 0, 0, 1, 0, 2, 0, -1}));
  model.initializer("b", Tensor(DataType::kFloat32, Shape{6}));
  add_contrib(model, "Attention", {"w", "b"}, {{"num_heads", int64_t{1}}});
  const Tensor turned = reference(Transpose{.perm = {0, 2, 1}}, std::vector{x})[0];
  Tensor scores = reference(MatMul{}, std::vector{x, turned})[0];
  for (float& score : scores.mutable_data<float>()) score *= 2 / std::sqrt(2.0f);
  const Tensor shares = reference(Softmax{}, std::vector{scores})[0];
  Tensor expected = reference(MatMul{}, std::vector{shares, x})[0];
  for (float& value : expected.mutable_data<float>()) value = -value;
  EXPECT_LT(gap(y_of(model, x), expected), 1e-6);
}

TEST(Expand, NamesWhatItDoesNotTake) {
  const auto refused = [](std::string_view type, std::vector<std::string> inputs,
                          const Attributes& attributes) {
    OnnxBuilder model = contrib_model({"1", "3", "2"});
    for (const char* name : {"w", "b", "mask"}) model.initializer(name, Tensor::scalar(1.0f));
    add_contrib(model, type, std::move(inputs), attributes);
    const Failure failure = failure_of(model.text());
    EXPECT_EQ(failure.kind, ErrorKind::kUnsupported) << type;
    return failure.message;
  };
  EXPECT_THAT(refused("Attention", {"w", "b", "mask"}, {{"num_heads", int64_t{1}}}),
              HasSubstr("Attention has a mask, past or bias (input 3)"));
  EXPECT_THAT(refused("FusedMatMul", {"w"}, {{"transBatchA", int64_t{1}}}),
              HasSubstr("has attribute 'transBatchA'"));
  EXPECT_THAT(refused("FusedConv", {"w"}, {{"activation", "Swish"}}),
              HasSubstr("activation 'Swish'"));
  EXPECT_THAT(refused("BiasGelu", {"b"}, {{"speed", int64_t{1}}}),
              HasSubstr("has attribute 'speed'"));
}

}  // namespace
}  // namespace tendon
