#include "passes/passes.h"
#include "support/operators.h"
#include "support/rewrites.h"

namespace tendon {
namespace {

using ::testing::ElementsAre;
using testing::GraphBuilder;
using testing::rewritten;
using testing::types_of;

const Unary kTanh = Unary::of(UnaryKind::kTanh);

// rewrite Add(Relu(x), Relu(x)) -> Add(r, r) with r = Relu(x)
TEST(EliminateCommonSubexpressions, EqualNodesBecomeOne) {
  GraphBuilder b;
  const ValueId x = b.input("x", {2});
  b.output(
      b.node(kAdd, {b.node(kTanh, {b.node(kRelu, {x})}), b.node(kTanh, {b.node(kRelu, {x})})}));
  EXPECT_THAT(types_of(rewritten(b.done(), eliminate_common_subexpressions)),
              ElementsAre("Relu", "Tanh", "Add"));
}

TEST(EliminateCommonSubexpressions, EqualConstantsBecomeOne) {
  GraphBuilder b;
  const ValueId x = b.input("x", {2});
  const ValueId first = b.node(kAdd, {x, b.constant(Tensor::from<float>({2}, {1.0f, 2.0f}))});
  const ValueId second = b.node(kAdd, {x, b.constant(Tensor::from<float>({2}, {1.0f, 2.0f}))});
  b.output(b.node(Binary{BinaryKind::kMul}, {first, second}));
  EXPECT_THAT(types_of(rewritten(b.done(), eliminate_common_subexpressions)),
              ElementsAre("Add", "Mul"));
}

TEST(EliminateCommonSubexpressions, DifferencesStay) {
  GraphBuilder b;
  const ValueId x = b.input("x", {2, 2});
  std::vector<float> ramp(40);
  for (size_t i = 0; i < ramp.size(); ++i) ramp[i] = static_cast<float>(i);
  const ValueId longer = b.input("longer", {40});
  b.output(b.node(kAdd, {longer, b.constant(Tensor::from<float>({40}, ramp))}));
  ramp.back() = 0;
  b.output(b.node(kAdd, {longer, b.constant(Tensor::from<float>({40}, ramp))}));
  b.output(b.node(Softmax{.axis = 0}, {x}));
  b.output(b.node(Softmax{.axis = 1}, {x}));
  b.output(b.node(kRelu, {x}));
  b.output(b.node(kTanh, {x}));
  testing::expect_unchanged(b.done(), eliminate_common_subexpressions);
}

TEST(EliminateCommonSubexpressions, TwoOutputsKeepTheirNames) {
  GraphBuilder b;
  const ValueId x = b.input("x", {2});
  b.output(b.node(kRelu, {x}, "first"));
  b.output(b.node(kRelu, {x}, "second"));
  testing::expect_unchanged(b.done(), eliminate_common_subexpressions);
}

}  // namespace
}  // namespace tendon
