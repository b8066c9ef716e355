#include "passes/selection.h"

#include "support/rewrites.h"

namespace tendon {
namespace {

using testing::GraphBuilder;

struct SelectionCase {
  const char* name;
  ValueId (*make)(GraphBuilder& b, ValueId x);  ///< from x of shape (2, 6)
  std::optional<Selection> expected;
};

ValueId slice(GraphBuilder& b, ValueId x, std::vector<int64_t> start, std::vector<int64_t> end,
              std::vector<int64_t> axes, std::vector<int64_t> steps) {
  return b.node(Slice{}, {x, b.ints(start), b.ints(end), b.ints(axes), b.ints(steps)});
}
ValueId gather(GraphBuilder& b, ValueId x, std::vector<int64_t> indices) {
  return b.node(Gather{.axis = 1}, {x, b.ints(std::move(indices))});
}

const SelectionCase kCases[] = {
    {"one index",
     [](GraphBuilder& b, ValueId x) {
       return b.node(Gather{.axis = -1}, {x, b.constant(Tensor::scalar<int64_t>(-2))});
     },
     Selection{0, 1, 4, 1, true}},
    {"indices in order",
     [](GraphBuilder& b, ValueId x) {
       return gather(b, x, {2, 3, 4});
     },
     Selection{0, 1, 2, 3, false}},
    {"indices with a gap",
     [](GraphBuilder& b, ValueId x) {
       return gather(b, x, {2, 4});
     },
     {}},
    {"slice", [](GraphBuilder& b, ValueId x) { return slice(b, x, {-4}, {100}, {1}, {1}); },
     Selection{0, 1, 2, 4, false}},
    {"slice that leaves other axes whole",
     [](GraphBuilder& b, ValueId x) {
       return slice(b, x, {0, 1}, {2, 3}, {0, 1}, {1, 1});
     },
     Selection{0, 1, 1, 2, false}},
    {"slice of two axes",
     [](GraphBuilder& b, ValueId x) {
       return slice(b, x, {1, 1}, {2, 3}, {0, 1}, {1, 1});
     },
     {}},
    {"slice with a step",
     [](GraphBuilder& b, ValueId x) { return slice(b, x, {0}, {6}, {1}, {2}); },
     {}},
    {"split",
     [](GraphBuilder& b, ValueId x) {
       return b.node(Split{.axis = 1}, {x, b.ints({1, 2, 3})}, 3, "split")[2];
     },
     Selection{0, 1, 3, 3, false}},
    {"other nodes", [](GraphBuilder& b, ValueId x) { return b.node(Softmax{}, {x}); }, {}},
};

TEST(Selection, IsFoundHoweverItIsSpelled) {
  for (const SelectionCase& c : kCases) {
    SCOPED_TRACE(c.name);
    GraphBuilder b;
    const ValueId x = b.input("x", {2, 6});
    const ValueId y = c.make(b, x);
    b.output(y);
    Graph graph = b.done();
    const auto found = selection_of(graph, y);
    ASSERT_EQ(found.has_value(), c.expected.has_value());
    if (!found) continue;
    EXPECT_EQ(found->source, x);
    EXPECT_EQ(found->axis, c.expected->axis);
    EXPECT_EQ(found->start, c.expected->start);
    EXPECT_EQ(found->count, c.expected->count);
    EXPECT_EQ(found->squeezed, c.expected->squeezed);
    Graph again = graph;
    GraphEdit edit(again);
    edit.replace(y, edit.add_node(Identity{}, {add_selection(edit, *found, "again")}, "copy"));
    edit.apply();
    check(again);
    const TensorMap inputs = testing::random_inputs(graph);
    EXPECT_EQ(testing::run_reference(again, inputs), testing::run_reference(graph, inputs));
  }
}

TEST(Selection, AxesAreFollowedThroughReshapes) {
  EXPECT_EQ(axis_before_reshape({7, 100, 1, 8}, {7, 1, 100, 8}, 0), 0);
  EXPECT_EQ(axis_before_reshape({7, 100, 1, 8}, {7, 1, 100, 8}, 2), 1);
  EXPECT_EQ(axis_before_reshape({100, 8}, {1, 100, 8}, 1), 0);
  EXPECT_EQ(axis_before_reshape({6, 8}, {2, 3, 8}, 1), std::nullopt);
  EXPECT_EQ(axis_before_reshape({4, 6}, {6, 4}, 0), std::nullopt);
}

}  // namespace
}  // namespace tendon
