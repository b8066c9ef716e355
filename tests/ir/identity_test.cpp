#include "ir/identity.h"

#include <gtest/gtest.h>

#include <set>

#include "support/graphs.h"

namespace tendon {
namespace {

using testing::GraphBuilder;

struct Variation {
  std::string input = "x";
  int64_t rows = 2;
  float weight = 1;
  int64_t axis = 1;
  std::string output = "y";
  bool dead = false;
};

std::string identity(const Variation& v) {
  GraphBuilder b;
  const ValueId x = b.input(v.input, {v.rows, 3});
  const ValueId w = b.constant(Tensor::from<float>({3}, {v.weight, 2, 3}), "w");
  const ValueId y = b.node(Binary{BinaryKind::kMul}, {x, w}, "product");
  if (v.dead) b.node(Unary::of(UnaryKind::kExp), {x}, "nobody reads it");
  b.output(b.node(Softmax{.axis = v.axis}, {y}, v.output));
  return graph_sha256(b.done());
}

TEST(Identity, ChangesWithWhateverMatters) {
  std::set<std::string> seen{identity({})};
  EXPECT_EQ(seen.begin()->size(), 64u);
  EXPECT_TRUE(seen.insert(identity({.input = "z"})).second);
  EXPECT_TRUE(seen.insert(identity({.rows = 4})).second);
  EXPECT_TRUE(seen.insert(identity({.weight = 1.0000001f})).second);
  EXPECT_TRUE(seen.insert(identity({.axis = 0})).second);
  EXPECT_TRUE(seen.insert(identity({.output = "w2"})).second);
}

TEST(Identity, DeadNodesDoNotCount) { EXPECT_EQ(identity({.dead = true}), identity({})); }

}  // namespace
}  // namespace tendon
