#include "passes/passes.h"
#include "support/operators.h"
#include "support/rewrites.h"

namespace tendon {
namespace {

using testing::GraphBuilder;

struct IdentityCase {
  const char* name;
  /// Makes one node from x of shape (2, 3).
  ValueId (*make)(GraphBuilder& b, ValueId x);
};

ValueId scalar(GraphBuilder& b, float value) { return b.constant(Tensor::scalar(value)); }
template <BinaryKind kKind>
ValueId right(GraphBuilder& b, ValueId x, float value) {
  return b.node(Binary{kKind}, {x, scalar(b, value)});
}

const IdentityCase kRemoved[] = {
    {"Identity", [](GraphBuilder& b, ValueId x) { return b.node(Identity{}, {x}); }},
    {"Cast",
     [](GraphBuilder& b, ValueId x) { return b.node(Cast{.to = DataType::kFloat32}, {x}); }},
    {"Expand",
     [](GraphBuilder& b, ValueId x) {
       return b.node(Expand{}, {x, b.ints({1, 3})});
     }},
    {"Tile",
     [](GraphBuilder& b, ValueId x) {
       return b.node(Tile{}, {x, b.ints({1, 1})});
     }},
    {"Pad",
     [](GraphBuilder& b, ValueId x) {
       return b.node(Pad{}, {x, b.ints({0, 0, 0, 0})});
     }},
    {"Concat", [](GraphBuilder& b, ValueId x) { return b.node(Concat{.axis = 1}, {x}); }},
    {"x+0", [](GraphBuilder& b, ValueId x) { return right<BinaryKind::kAdd>(b, x, 0); }},
    {"x-0", [](GraphBuilder& b, ValueId x) { return right<BinaryKind::kSub>(b, x, 0); }},
    {"x*1", [](GraphBuilder& b, ValueId x) { return right<BinaryKind::kMul>(b, x, 1); }},
    {"x/1", [](GraphBuilder& b, ValueId x) { return right<BinaryKind::kDiv>(b, x, 1); }},
    {"1*x",
     [](GraphBuilder& b, ValueId x) {
       return b.node(Binary{BinaryKind::kMul}, {scalar(b, 1), x});
     }},
};

const IdentityCase kKept[] = {
    {"Cast", [](GraphBuilder& b, ValueId x) { return b.node(Cast{.to = DataType::kInt64}, {x}); }},
    {"Expand",
     [](GraphBuilder& b, ValueId x) {
       return b.node(Expand{}, {x, b.ints({4, 1, 1})});
     }},
    {"Tile",
     [](GraphBuilder& b, ValueId x) {
       return b.node(Tile{}, {x, b.ints({1, 2})});
     }},
    {"Pad",
     [](GraphBuilder& b, ValueId x) {
       return b.node(Pad{}, {x, b.ints({1, 0, -1, 0})});
     }},
    {"Concat",
     [](GraphBuilder& b, ValueId x) {
       return b.node(Concat{.axis = 1}, {x, x});
     }},
    {"x+1", [](GraphBuilder& b, ValueId x) { return right<BinaryKind::kAdd>(b, x, 1); }},
    {"x*0", [](GraphBuilder& b, ValueId x) { return right<BinaryKind::kMul>(b, x, 0); }},
    {"1/x",
     [](GraphBuilder& b, ValueId x) {
       return b.node(Binary{BinaryKind::kDiv}, {scalar(b, 1), x});
     }},
    {"0-x",
     [](GraphBuilder& b, ValueId x) {
       return b.node(Binary{BinaryKind::kSub}, {scalar(b, 0), x});
     }},
    {"widening zeros",
     [](GraphBuilder& b, ValueId x) {
       return b.node(Binary{BinaryKind::kAdd},
                     {x, b.constant(Tensor(DataType::kFloat32, {1, 1, 1}))});
     }},
};

// rewrite Relu(no-op(x)) -> Relu(x)
TEST(RemoveIdentities, NoOpsVanish) {
  for (const IdentityCase& c : kRemoved) {
    SCOPED_TRACE(c.name);
    GraphBuilder b;
    b.output(b.node(kRelu, {c.make(b, b.input("x", {2, 3}))}));
    EXPECT_THAT(testing::types_of(testing::rewritten(b.done(), remove_identities)),
                ::testing::ElementsAre("Relu"));
  }
}

TEST(RemoveIdentities, LookAlikesStay) {
  for (const IdentityCase& c : kKept) {
    SCOPED_TRACE(c.name);
    GraphBuilder b;
    b.output(c.make(b, b.input("x", {2, 3})));
    testing::expect_unchanged(b.done(), remove_identities);
  }
}

TEST(RemoveIdentities, AnInputThatIsAnOutputKeepsBothNames) {
  GraphBuilder b;
  const ValueId x = b.input("x", {2});
  b.output(b.node(Identity{}, {x}, "y"));
  testing::expect_unchanged(b.done(), remove_identities);
}

TEST(RemoveIdentities, AnOutputKeepsItsName) {
  GraphBuilder b;
  b.output(b.node(Identity{}, {b.node(kRelu, {b.input("x", {2})}, "inner")}, "y"));
  const Graph after = testing::rewritten(b.done(), remove_identities);
  EXPECT_EQ(after.value(after.outputs()[0]).name, "y");
}

}  // namespace
}  // namespace tendon
