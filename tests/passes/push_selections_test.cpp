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

ValueId gather(GraphBuilder& b, ValueId x, int64_t index, int64_t axis) {
  return b.node(Gather{.axis = axis}, {x, b.constant(Tensor::scalar(index))});
}
ValueId slice(GraphBuilder& b, ValueId x, int64_t start, int64_t end, int64_t axis) {
  return b.node(Slice{}, {x, b.ints({start}), b.ints({end}), b.ints({axis})});
}

/// Seven layers, each read on its own after a shared norm, stacked; one of them is chosen.
Graph stack_of_layers(int64_t chosen, int64_t batch) {
  GraphBuilder b;
  ValueId x = b.input("x", {5, batch, 4});
  const ValueId scale = b.random_constant({4});
  std::vector<ValueId> outputs;
  for (int layer = 0; layer < 7; ++layer) {
    x = b.node(MatMul{}, {x, b.random_constant({4, 4})});
    outputs.push_back(b.node(Unsqueeze{}, {b.node(LayerNormalization{}, {x, scale}), b.ints({0})}));
  }
  const ValueId stack = b.node(Concat{.axis = 0}, outputs);
  b.output(gather(b, b.node(Transpose{.perm = {0, 2, 1, 3}}, {stack}), chosen, 0));
  return b.done();
}

// rewrite Gather(Transpose(Concat(layers)), i) -> Transpose(layer i)
TEST(PushSelections, LayersThatNothingReadsDie) {
  for (const int64_t batch : {1, 2}) {
    for (const int64_t chosen : {0, 2, 6}) {
      const Graph after = rewritten(stack_of_layers(chosen, batch),
                                    {merge_views, push_selections, remove_dead_code});
      EXPECT_EQ(testing::count_nodes<MatMul>(after), static_cast<size_t>(chosen + 1));
      EXPECT_EQ(testing::count_nodes<LayerNormalization>(after), 1u);
      EXPECT_EQ(testing::count_nodes<Gather>(after), 0u);
    }
  }
}

TEST(PushSelections, ALayerThatIsAlsoReadElsewhereLives) {
  GraphBuilder b;
  const ValueId x = b.input("x", {2, 3});
  const ValueId first = b.node(kRelu, {x});
  const ValueId second = b.node(kTanh, {x});
  b.output(slice(b, b.node(Concat{.axis = 0}, {first, second}), 0, 2, 0));
  b.output(second);
  EXPECT_THAT(types_of(rewritten(b.done(), push_selections)), ElementsAre("Relu", "Tanh"));
}

// rewrite Slice(Concat(a, b, c)) over b and part of c -> Concat(b, Slice(c))
TEST(PushSelections, ASliceTakesTheOperandsThatItTouches) {
  GraphBuilder b;
  std::vector<ValueId> operands;
  for (const char* name : {"a", "b", "c"}) {
    operands.push_back(b.node(kRelu, {b.input(name, {2, 3})}));
  }
  b.output(slice(b, b.node(Concat{.axis = 1}, operands), 3, 8, 1));
  EXPECT_THAT(types_of(rewritten(b.done(), push_selections)),
              ElementsAre("Relu", "Relu", "Slice", "Concat"));
}

// rewrite Split(Concat(a, b)) at the same places -> a, b
TEST(PushSelections, SplitUndoesConcat) {
  GraphBuilder b;
  const ValueId left = b.node(kRelu, {b.input("a", {2, 3})});
  const ValueId right = b.node(kTanh, {b.input("b", {2, 3})});
  const auto parts = b.node(Split{.axis = 0, .num_outputs = 2},
                            {b.node(Concat{.axis = 0}, {left, right})}, 2, "split");
  b.output(b.node(kTanh, {parts[0]}));
  b.output(b.node(kRelu, {parts[1]}));
  EXPECT_THAT(types_of(rewritten(b.done(), push_selections)),
              ElementsAre("Relu", "Tanh", "Tanh", "Relu"));
}

// rewrite Slice(Slice(x)) -> Slice(x)
TEST(PushSelections, SelectionsOfSelectionsMerge) {
  GraphBuilder b;
  const ValueId part = slice(b, b.input("x", {2, 9}), 2, 8, 1);
  b.output(gather(b, part, 3, 1));
  const Graph after = rewritten(b.done(), push_selections);
  EXPECT_EQ(types_of(after), std::vector<std::string>{"Gather"});
  EXPECT_EQ(to_int64s(*after.value(after.nodes()[0].inputs[1]).constant)[0], 5);
}

// rewrite Gather(x, 0) on an axis of size 1 -> Reshape(x)
TEST(PushSelections, TheOnlyPlaceNeedsNoChoice) {
  GraphBuilder b;
  b.output(gather(b, b.input("x", {2, 1, 3}), 0, 1));
  EXPECT_THAT(types_of(rewritten(b.done(), push_selections)), ElementsAre("Reshape"));
}

TEST(PushSelections, ChoicesThatSaveNothingStay) {
  GraphBuilder b;
  const ValueId x = b.input("x", {4, 6});
  const ValueId flipped = b.node(Transpose{.perm = {1, 0}}, {x});
  for (const ValueId part : b.node(Split{.axis = 0, .num_outputs = 3}, {flipped}, 3, "split")) {
    b.output(part);
  }
  const ValueId joined = b.node(Concat{.axis = 0}, {b.node(kRelu, {x}), b.node(kTanh, {x})});
  b.output(slice(b, joined, 3, 5, 0));
  b.output(gather(b, joined, 2, 1));
  b.output(b.node(kAdd, {gather(b, x, 1, 0), gather(b, x, 2, 0)}));
  testing::expect_unchanged(b.done(), push_selections);
}

}  // namespace
}  // namespace tendon
