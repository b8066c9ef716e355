// GridSample on the cpu backend against its reference.
#include "backends/cpu_kernel_case.h"

namespace tendon::testing {
namespace {

TEST(CpuGridSample, MatchesReferenceOnRandomShapes) {
  for_random_cases([](Dice& dice) {
    GridSample op;
    op.mode = dice.pick({"nearest", "linear", "cubic"});
    op.padding_mode = dice.pick({"zeros", "border", "reflection"});
    op.align_corners = dice.toss();
    Shape image{dice.between(1, 2), dice.between(1, 3)};
    Shape grid{image[0]};
    const int64_t axes = dice.between(1, 3);
    for (int64_t i = 0; i < axes; ++i) {
      image.push_back(dice.between(1, 7));
      grid.push_back(dice.between(1, 6));
    }
    grid.push_back(axes);
    // Some coordinates lie outside.
    Tensor at = dice.tensor(grid);
    for (float& value : at.mutable_data<float>()) value *= 1.5f;
    expect_matches_reference("loop:grid_sample", {op, {dice.tensor(image), at}});
  });
}

TEST(CpuGridSample, DeclinesWithReason) {
  const Tensor x(DataType::kFloat16, Shape{1, 1, 2, 2});
  const PreparedCase half({GridSample{}, {x, Tensor(DataType::kFloat16, Shape{1, 2, 2, 2})}});
  EXPECT_EQ(half.kernel(), nullptr);
  EXPECT_THAT(half.declined(), ::testing::HasSubstr("float32"));
}

}  // namespace
}  // namespace tendon::testing
