// Resize on the cpu backend against its reference.
#include "backends/cpu_kernel_case.h"

namespace tendon::testing {
namespace {

TEST(CpuResize, MatchesReferenceOnRandomShapes) {
  for_random_cases([](Dice& dice) {
    Resize op;
    op.mode = dice.pick({"nearest", "linear", "cubic"});
    op.antialias = op.mode != "nearest" && dice.toss();
    op.exclude_outside = op.mode == "cubic" && dice.toss();
    op.coordinate_transformation_mode =
        dice.pick({"half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"});
    op.nearest_mode = dice.pick({"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"});
    Shape shape{dice.between(1, 2), dice.between(1, 3)};
    std::vector<int64_t> sizes(shape.begin(), shape.end());
    for (int64_t i = dice.between(1, 3); i > 0; --i) {
      shape.push_back(dice.between(1, 9));
      sizes.push_back(dice.between(1, 17));
    }
    const Tensor wanted = Tensor::from<int64_t>(Shape{std::ssize(sizes)}, sizes);
    if (std::ranges::equal(sizes, shape.dims())) return;
    expect_matches_reference("loop:resize",
                             {op, {dice.tensor(shape), Tensor(), Tensor(), wanted}, {3}});
  });
}

TEST(CpuResize, DeclinesWithReason) {
  const Tensor x = random_tensor(Shape{1, 1, 4});
  const Tensor scales = Tensor::from<float>({3}, {1, 1, 2});
  const PreparedCase same({Resize{}, {x, Tensor(), Tensor::from<float>({3}, {1, 1, 1})}, {2}});
  EXPECT_EQ(same.declined(), "changes nothing");
  const PreparedCase halves({Resize{}, {cast(x, DataType::kFloat16), Tensor(), scales}, {2}});
  EXPECT_EQ(halves.declined(), "needs float32");
}

}  // namespace
}  // namespace tendon::testing
