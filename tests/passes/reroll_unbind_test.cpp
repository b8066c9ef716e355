#include "passes/passes.h"
#include "support/rewrites.h"

namespace tendon {
namespace {

using ::testing::ElementsAre;
using testing::GraphBuilder;
using testing::rewritten;
using testing::types_of;

ValueId gather(GraphBuilder& b, ValueId x, int64_t index, int64_t axis) {
  return b.node(Gather{.axis = axis}, {x, b.constant(Tensor::scalar(index))});
}
ValueId unsqueeze(GraphBuilder& b, ValueId x, int64_t axis) {
  return b.node(Unsqueeze{}, {x, b.ints({axis})});
}

// rewrite Concat(a, Unsqueeze(Gather(x, 0)), …, Unsqueeze(Gather(x, 299))) -> Concat(a, x)
TEST(RerollUnbind, PixelsTakenApartAndStackedAgain) {
  constexpr int64_t kPixels = 300;
  GraphBuilder b;
  const ValueId pixels = b.input("pixels", {kPixels, 2, 4});
  std::vector<ValueId> tokens{unsqueeze(b, b.input("state", {2, 4}), 0)};
  for (int64_t i = 0; i < kPixels; ++i) tokens.push_back(unsqueeze(b, gather(b, pixels, i, 0), 0));
  b.output(b.node(Concat{.axis = 0}, tokens));
  EXPECT_THAT(types_of(rewritten(b.done(), {reroll_unbind, merge_views, remove_dead_code})),
              ElementsAre("Reshape", "Concat"));
}

// rewrite the same with Split and Squeeze, and two cameras
TEST(RerollUnbind, SplitsOfSeveralTensors) {
  GraphBuilder b;
  std::vector<ValueId> tokens;
  for (const char* camera : {"left", "right"}) {
    const ValueId image = b.input(camera, {1, 8, 3, 4});
    const ValueId flat = b.node(Reshape{}, {image, b.ints({1, 8, 12})});
    const ValueId pixels = b.node(Transpose{.perm = {2, 0, 1}}, {flat});
    for (const ValueId part : b.node(Split{.axis = 0, .num_outputs = 12}, {pixels}, 12, camera)) {
      tokens.push_back(unsqueeze(b, b.node(Squeeze{}, {part, b.ints({0})}), 0));
    }
  }
  b.output(b.node(Concat{.axis = 0}, tokens));
  EXPECT_THAT(types_of(rewritten(b.done(), {reroll_unbind, merge_views, remove_dead_code})),
              ElementsAre("Reshape", "Transpose", "Reshape", "Transpose", "Concat"));
}

// rewrite Concat(Gather(x, 0), Gather(x, 1), Gather(x, 2)) along another axis -> Transpose, Reshape
TEST(RerollUnbind, CamerasJoinedAlongTheWidth) {
  GraphBuilder b;
  const ValueId images = b.input("images", {2, 3, 4, 5, 6});
  std::vector<ValueId> cameras;
  for (int64_t i = 0; i < 3; ++i) cameras.push_back(gather(b, images, i, 1));
  b.output(b.node(Concat{.axis = 3}, cameras));
  EXPECT_THAT(types_of(rewritten(b.done(), reroll_unbind)),
              ElementsAre("Reshape", "Transpose", "Reshape"));
}

// rewrite Concat of two neighbouring pieces, each transposed -> Transpose(Slice(x))
TEST(RerollUnbind, PartOfAnAxisInPiecesOfTwo) {
  GraphBuilder b;
  const auto parts = b.node(Split{.axis = 1}, {b.input("x", {3, 7}), b.ints({1, 2, 2, 2})}, 4, "s");
  std::vector<ValueId> turned;
  for (size_t i = 1; i < 3; ++i) turned.push_back(b.node(Transpose{.perm = {1, 0}}, {parts[i]}));
  b.output(b.node(Concat{.axis = 0}, turned));
  EXPECT_THAT(types_of(rewritten(b.done(), {reroll_unbind, remove_dead_code})),
              ElementsAre("Slice", "Transpose"));
}

TEST(RerollUnbind, OtherOrdersStay) {
  GraphBuilder b;
  const ValueId x = b.input("x", {4, 3});
  const ValueId z = b.input("z", {4, 3});
  const auto stack = [&](std::vector<ValueId> rows) {
    for (ValueId& row : rows) row = unsqueeze(b, row, 0);
    b.output(b.node(Concat{.axis = 0}, rows));
  };
  stack({gather(b, x, 1, 0), gather(b, x, 0, 0)});
  stack({gather(b, x, 0, 0), gather(b, x, 2, 0)});
  stack({gather(b, x, 0, 0), gather(b, z, 1, 0)});
  const auto halves = b.node(Split{.axis = 1}, {x, b.ints({1, 2})}, 2, "split");
  b.output(b.node(Concat{.axis = 1}, {halves[1], halves[0]}));
  testing::expect_unchanged(b.done(), reroll_unbind);
}

}  // namespace
}  // namespace tendon
