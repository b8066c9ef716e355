#include "passes/passes.h"
#include "support/rewrites.h"

namespace tendon {
namespace {

using testing::GraphBuilder;

ValueId scalar(GraphBuilder& b, float value) { return b.constant(Tensor::scalar(value)); }
ValueId add(GraphBuilder& b, ValueId x, ValueId y) {
  return b.node(Binary{BinaryKind::kAdd}, {x, y});
}
ValueId mul(GraphBuilder& b, ValueId x, ValueId y) {
  return b.node(Binary{BinaryKind::kMul}, {x, y});
}
ValueId erf_plus_one(GraphBuilder& b, ValueId x, float divisor = 1.4142135f) {
  const ValueId scaled = b.node(Binary{BinaryKind::kDiv}, {x, scalar(b, divisor)});
  return add(b, b.node(Unary::of(UnaryKind::kErf), {scaled}), scalar(b, 1));
}
ValueId tanh_plus_one(GraphBuilder& b, ValueId x, ValueId cube, float factor = 0.044715f) {
  const ValueId sum = add(b, x, mul(b, scalar(b, factor), cube));
  const ValueId scaled = mul(b, sum, scalar(b, 0.7978845608f));
  return add(b, scalar(b, 1), b.node(Unary::of(UnaryKind::kTanh), {scaled}));
}
ValueId power(GraphBuilder& b, ValueId x) {
  return b.node(Binary{BinaryKind::kPow}, {x, scalar(b, 3)});
}

struct GeluForm {
  const char* name;
  ValueId (*make)(GraphBuilder& b, ValueId x);
  UnaryKind kind;
};

const GeluForm kGeluForms[] = {
    {"x * (1 + erf) * 0.5",
     [](GraphBuilder& b, ValueId x) {
       return mul(b, mul(b, x, erf_plus_one(b, x)), scalar(b, 0.5f));
     },
     UnaryKind::kGelu},
    {"0.5 * x * (1 + erf)",
     [](GraphBuilder& b, ValueId x) {
       return mul(b, mul(b, scalar(b, 0.5f), x), erf_plus_one(b, x));
     },
     UnaryKind::kGelu},
    {"x * (0.5 * (1 + erf))",
     [](GraphBuilder& b, ValueId x) {
       return mul(b, x, mul(b, scalar(b, 0.5f), erf_plus_one(b, x)));
     },
     UnaryKind::kGelu},
    {"tanh, x ^ 3",
     [](GraphBuilder& b, ValueId x) {
       return mul(b, mul(b, scalar(b, 0.5f), x), tanh_plus_one(b, x, power(b, x)));
     },
     UnaryKind::kGeluTanh},
    {"tanh, x * x * x",
     [](GraphBuilder& b, ValueId x) {
       return mul(b, mul(b, scalar(b, 0.5f), x), tanh_plus_one(b, x, mul(b, mul(b, x, x), x)));
     },
     UnaryKind::kGeluTanh},
};

// rewrite x * 0.5 * (1 + erf(x / sqrt(2))) -> Gelu(x)
TEST(FuseGelu, WrittenOutForms) {
  for (const GeluForm& c : kGeluForms) {
    SCOPED_TRACE(c.name);
    GraphBuilder b;
    b.output(c.make(b, b.input("x", {4, 8})));
    const Graph after = testing::rewritten(b.done(), fuse_gelu);
    EXPECT_EQ(testing::types_of(after), std::vector<std::string>{"Gelu"});
    EXPECT_EQ(testing::the_op<Unary>(after).kind, c.kind);
  }
}

TEST(FuseGelu, LookAlikesStay) {
  GraphBuilder b;
  const ValueId x = b.input("x", {4, 8});
  const ValueId z = b.input("z", {4, 8});
  b.output(mul(b, x, erf_plus_one(b, x)));
  b.output(mul(b, mul(b, scalar(b, 0.5f), x), erf_plus_one(b, x, 2.0f)));
  b.output(mul(b, mul(b, scalar(b, 0.5f), x), erf_plus_one(b, z)));
  b.output(mul(b, mul(b, scalar(b, 0.5f), x), tanh_plus_one(b, x, power(b, x), 0.05f)));
  b.output(mul(b, mul(b, scalar(b, 0.5f), x), tanh_plus_one(b, x, power(b, z))));
  testing::expect_unchanged(b.done(), fuse_gelu);
}

}  // namespace
}  // namespace tendon
