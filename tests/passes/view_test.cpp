#include "passes/view.h"

#include <random>

#include "support/rewrites.h"

namespace tendon {
namespace {

using testing::GraphBuilder;

TEST(View, TellsOrdersApart) {
  View a({2, 3, 4});
  EXPECT_TRUE(a.is_dense());
  EXPECT_TRUE(a.reshape({6, 4}));
  EXPECT_TRUE(a.is_dense());
  a.transpose(std::vector<int64_t>{1, 0});
  EXPECT_FALSE(a.is_dense());
  View b({6, 4});
  b.transpose(std::vector<int64_t>{1, 0});
  EXPECT_TRUE(a.same_order(b));
  EXPECT_TRUE(b.reshape({2, 2, 6}));
  EXPECT_TRUE(a.same_order(b));
}

TEST(View, AxesOfSizeOneDoNotMatter) {
  View view({1, 5, 1, 3});
  view.transpose(std::vector<int64_t>{2, 1, 0, 3});
  EXPECT_TRUE(view.is_dense());
}

TEST(View, RefusesToCutAcrossReorderedAxes) {
  View view({4, 6});
  view.transpose(std::vector<int64_t>{1, 0});
  EXPECT_FALSE(view.reshape({4, 6}));
  EXPECT_TRUE(view.reshape({2, 3, 4}));
}

/// A random chain of Reshapes and Transposes of 24 elements or so.
Graph random_chain(std::mt19937_64& random) {
  GraphBuilder b;
  const auto below = [&](size_t n) { return static_cast<size_t>(random() % n); };
  const std::vector<Shape> shapes = {{2, 3, 4}, {4, 3, 2},    {24},         {6, 4},
                                     {1, 24},   {2, 2, 2, 3}, {3, 1, 2, 4}, {8, 3}};
  Shape shape = shapes[below(shapes.size())];
  ValueId value = b.input("x", shape);
  for (int step = 0; step < 5; ++step) {
    if (below(2) == 0) {
      shape = shapes[below(shapes.size())];
      value = b.node(Reshape{}, {value, b.ints({shape.begin(), shape.end()})});
    } else {
      std::vector<int64_t> perm;
      for (int64_t axis = 0; axis < shape.rank(); ++axis) perm.push_back(axis);
      std::shuffle(perm.begin(), perm.end(), random);
      value = b.node(Transpose{.perm = perm}, {value});
      shape = permuted(shape, perm);
    }
  }
  b.output(value);
  return b.done();
}

TEST(View, RandomChainsAreRemadeExactly) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    const Graph before = random_chain(random);
    Graph after = before;
    const ValueId output = after.outputs()[0];
    const ViewOf found = view_of(after, output);
    GraphEdit edit(after);
    const ValueId remade = found.view.add_to(edit, found.base, after.shape(output), "remade");
    if (!can_replace(after, output, remade)) continue;
    edit.replace(output, remade);
    edit.apply();
    check(after);
    const TensorMap inputs = testing::random_inputs(before);
    ASSERT_EQ(testing::run_reference(before, inputs), testing::run_reference(after, inputs))
        << text_from_graph(before) << text_from_graph(after);
  }
}

}  // namespace
}  // namespace tendon
