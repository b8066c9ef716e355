#include "passes/passes.h"
#include "support/rewrites.h"

namespace tendon {
namespace {

using ::testing::ElementsAre;
using testing::GraphBuilder;
using testing::rewritten;
using testing::types_of;

struct Options {
  bool multiply_squares = false;
  bool affine = true;
  std::vector<int64_t> axes = {-1};
  std::vector<int64_t> variance_axes = {};
  float exponent = 2;
  BinaryKind centring = BinaryKind::kSub;
};

Graph written_out(const Options& options) {
  const auto binary = [](BinaryKind kind) { return Binary{kind}; };
  GraphBuilder b;
  const auto scalar = [&](float value) { return b.constant(Tensor::scalar(value)); };
  const auto mean = [&](ValueId data, const std::vector<int64_t>& axes) {
    return b.node(Reduce{ReduceKind::kMean}, {data, b.ints(axes)});
  };
  const ValueId x = b.input("x", {2, 3, 8});
  const ValueId centred = b.node(binary(options.centring), {x, mean(x, options.axes)});
  const ValueId squares =
      options.multiply_squares
          ? b.node(binary(BinaryKind::kMul), {centred, centred})
          : b.node(binary(BinaryKind::kPow), {centred, scalar(options.exponent)});
  const ValueId variance =
      mean(squares, options.variance_axes.empty() ? options.axes : options.variance_axes);
  const ValueId sum = b.node(binary(BinaryKind::kAdd), {variance, scalar(1e-3f)});
  ValueId y =
      b.node(binary(BinaryKind::kDiv), {centred, b.node(Unary::of(UnaryKind::kSqrt), {sum})});
  if (options.affine) {
    const Shape shape = options.axes.size() == 2 ? Shape{3, 8} : Shape{8};
    y = b.node(binary(BinaryKind::kMul), {b.random_constant(shape), y});
    y = b.node(binary(BinaryKind::kAdd), {y, b.random_constant(shape)});
  }
  b.output(y);
  return b.done();
}

// rewrite (x - mean) / sqrt(variance + e) * w + b -> LayerNormalization(x, w, b)
TEST(FuseLayerNormalization, WrittenOutForms) {
  const Options forms[] = {{},
                           {.multiply_squares = true},
                           {.affine = false},
                           {.axes = {1, 2}},
                           {.axes = {2}, .variance_axes = {-1}}};
  for (const Options& form : forms) {
    const Graph after = rewritten(written_out(form), fuse_layer_normalization);
    EXPECT_THAT(types_of(after), ElementsAre("LayerNormalization"));
    EXPECT_FLOAT_EQ(testing::the_op<LayerNormalization>(after).epsilon, 1e-3f);
  }
}

TEST(FuseLayerNormalization, LookAlikesStay) {
  const Options forms[] = {{.axes = {1}},
                           {.axes = {-1}, .variance_axes = {1}},
                           {.exponent = 4},
                           {.centring = BinaryKind::kAdd}};
  for (const Options& form : forms) {
    testing::expect_unchanged(written_out(form), fuse_layer_normalization);
  }
}

TEST(FuseLayerNormalization, AFactorThatIsNoWeightStaysOutside) {
  GraphBuilder b;
  const ValueId x = b.input("x", {2, 8});
  const ValueId mean = b.node(Reduce{ReduceKind::kMean}, {x, b.ints({-1})});
  const ValueId centred = b.node(Binary{BinaryKind::kSub}, {x, mean});
  const ValueId squares = b.node(Binary{BinaryKind::kMul}, {centred, centred});
  const ValueId variance = b.node(Reduce{ReduceKind::kMean}, {squares, b.ints({-1})});
  const ValueId sum =
      b.node(Binary{BinaryKind::kAdd}, {variance, b.constant(Tensor::scalar(1e-5f))});
  const ValueId y =
      b.node(Binary{BinaryKind::kDiv}, {centred, b.node(Unary::of(UnaryKind::kSqrt), {sum})});
  b.output(b.node(Binary{BinaryKind::kMul}, {y, b.random_constant({2, 1})}));
  EXPECT_THAT(types_of(rewritten(b.done(), fuse_layer_normalization)),
              ElementsAre("LayerNormalization", "Mul"));
}

}  // namespace
}  // namespace tendon
