#include "ops/fused_matmul.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ops/op_set.h"
#include "support/graphs.h"

namespace tendon {
namespace {

using ::testing::HasSubstr;
using testing::max_abs_difference;
using testing::random_tensor;

Argument typed(const Shape& shape) { return {{DataType::kFloat32, shape}, nullptr, true}; }

TEST(FusedMatMul, EqualsTheNodesItStandsFor) {
  struct Case {
    Shape a, b, bias;
    bool trans_b;
  };
  const Case cases[] = {
      {{3, 4}, {4, 5}, {5}, false},          {{3, 4}, {5, 4}, {3, 5}, true},
      {{2, 3, 4}, {4, 5}, {5}, false},       {{2, 3, 4}, {2, 5, 4}, {2, 1, 5}, true},
      {{2, 1, 3, 4}, {6, 4, 5}, {1}, false},
  };
  for (const Case& c : cases) {
    const Tensor a = random_tensor(c.a, 1);
    const Tensor b = random_tensor(c.b, 2);
    const Tensor bias = random_tensor(c.bias, 3);
    FusedMatMul op;
    op.trans_b = c.trans_b;
    op.alpha = 0.5f;
    op.activation = Activation::kGelu;
    Tensor plain_b = b;
    if (c.trans_b) {
      Transpose swap;
      for (int axis = 0; axis < b.rank() - 2; ++axis) swap.perm.push_back(axis);
      swap.perm.insert(swap.perm.end(), {b.rank() - 1, b.rank() - 2});
      plain_b = swap.reference({{b}})[0];
    }
    Tensor y = MatMul{}.reference({{a, plain_b}})[0];
    y = Binary{BinaryKind::kMul}.reference({{y, Tensor::scalar(0.5f)}})[0];
    y = Binary{BinaryKind::kAdd}.reference({{y, bias}})[0];
    const Tensor residual = random_tensor(y.shape(), 4);
    y = Binary{BinaryKind::kAdd}.reference({{y, residual}})[0];
    y = Unary{UnaryKind::kGelu}.reference({{y}})[0];
    EXPECT_LE(max_abs_difference(op.reference({{a, b, bias, residual}})[0], y), 2e-6)
        << to_string(c.a) << to_string(c.b);
    EXPECT_EQ(op.infer({{typed(c.a), typed(c.b), typed(c.bias), typed(y.shape())}})[0], y.type());
  }
}

TEST(FusedMatMul, RefusesWhatDoesNotFit) {
  struct Case {
    std::vector<Argument> inputs;
    const char* message;
  };
  const Case cases[] = {
      {{typed({4}), typed({4, 5})}, "expected at least two axes"},
      {{typed({3, 4}), typed({5, 4})}, "4 columns meet 5 rows"},
      {{typed({3, 4}), typed({4, 5}), typed({4})}, "(4,) and (3, 5) do not broadcast"},
      {{typed({3, 4}), typed({4, 5}), typed({2, 3, 5})}, "which does not broadcast to (3, 5)"},
      {{typed({3, 4}), typed({4, 5}), Argument{}, typed({5})}, "residual has shape (5,)"},
  };
  for (const Case& c : cases) {
    try {
      FusedMatMul{}.infer(c.inputs);
      ADD_FAILURE() << c.message;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr(c.message));
    }
  }
}

}  // namespace
}  // namespace tendon
