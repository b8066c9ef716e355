#include "passes/passes.h"
#include "support/rewrites.h"

namespace tendon {
namespace {

using testing::GraphBuilder;

struct Options {
  bool with_bias = true;
  bool second_reader = false;
  int64_t group = 1;
};

Graph conv_and_norm(const Options& options) {
  GraphBuilder b;
  Conv conv;
  conv.group = options.group;
  conv.pads = {1, 1, 1, 1};
  std::vector<ValueId> inputs{b.input("x", {2, 4, 5, 5}),
                              b.random_constant({6, 4 / options.group, 3, 3})};
  if (options.with_bias) inputs.push_back(b.random_constant({6}));
  const ValueId y = b.node(conv, inputs, "conv");
  const ValueId variance =
      b.constant(Tensor::from<float>({6}, {0.5f, 1.0f, 2.0f, 0.1f, 3.0f, 1.0f}));
  b.output(
      b.node(BatchNormalization{.epsilon = 1e-3f},
             {y, b.random_constant({6}), b.random_constant({6}), b.random_constant({6}), variance},
             "norm"));
  if (options.second_reader) b.output(b.node(Unary::of(UnaryKind::kRelu), {y}));
  return b.done();
}

// rewrite BatchNormalization(Conv(x, w, b)) -> Conv(x, w', b')
TEST(FoldBatchNorm, IntoConv) {
  for (const Options& options : {Options{}, Options{.with_bias = false}, Options{.group = 2}}) {
    const Graph after = testing::rewritten(conv_and_norm(options), fold_batch_norm);
    EXPECT_EQ(testing::types_of(after), std::vector<std::string>{"Conv"});
    EXPECT_EQ(after.nodes()[0].inputs.size(), 3u);
    EXPECT_EQ(after.value(after.outputs()[0]).name, "norm");
  }
}

// rewrite BatchNormalization(Gemm(x, w)) -> Gemm(x, w', b')
TEST(FoldBatchNorm, IntoGemm) {
  GraphBuilder b;
  const ValueId y =
      b.node(Gemm{.trans_b = true}, {b.input("x", {3, 4}), b.random_constant({6, 4})});
  const ValueId variance =
      b.constant(Tensor::from<float>({6}, {0.5f, 1.0f, 2.0f, 0.1f, 3.0f, 1.0f}));
  b.output(b.node(BatchNormalization{}, {y, b.random_constant({6}), b.random_constant({6}),
                                         b.random_constant({6}), variance}));
  EXPECT_EQ(testing::types_of(testing::rewritten(b.done(), fold_batch_norm)),
            std::vector<std::string>{"Gemm"});
}

// rewrite BatchNormalization(x) -> x * factor + summand
TEST(FoldBatchNorm, IntoFactorAndSummandWhereSomethingElseReadsTheConv) {
  const Graph after = testing::rewritten(conv_and_norm({.second_reader = true}), fold_batch_norm);
  EXPECT_THAT(testing::types_of(after),
              ::testing::UnorderedElementsAre("Conv", "Relu", "Mul", "Add"));
  EXPECT_EQ(after.value(after.outputs()[0]).name, "norm");
}

// rewrite BatchNormalization(x) -> x * factor + summand
TEST(FoldBatchNorm, OfRowsIntoFactorAndSummand) {
  GraphBuilder b;
  const ValueId variance = b.constant(Tensor::from<float>({4}, {0.5f, 1.0f, 2.0f, 0.1f}));
  b.output(
      b.node(BatchNormalization{}, {b.input("x", {3, 4}), b.random_constant({4}),
                                    b.random_constant({4}), b.random_constant({4}), variance}));
  EXPECT_EQ(testing::types_of(testing::rewritten(b.done(), fold_batch_norm)),
            (std::vector<std::string>{"Mul", "Add"}));
}

TEST(FoldBatchNorm, NotWhereStatisticsAreComputed) {
  GraphBuilder b;
  std::vector<ValueId> inputs{b.input("x", {3, 4})};
  for (const char* name : {"scale", "bias", "mean", "variance"})
    inputs.push_back(b.input(name, {4}));
  b.output(b.node(BatchNormalization{}, inputs));
  testing::expect_unchanged(b.done(), fold_batch_norm);
}

}  // namespace
}  // namespace tendon
