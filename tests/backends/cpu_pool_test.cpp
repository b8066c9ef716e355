// Pools and reductions against the operators' references.
#include <limits>
#include <numeric>

#include "backends/cpu_kernel_case.h"

namespace tendon::testing {
namespace {

template <class Pool>
void run_pool(Dice& dice, Pool op) {
  const int64_t spatial = dice.between(1, 3);
  const int64_t batch = dice.between(1, 2);
  const int64_t channels = dice.between(1, 40);
  op.channels_last = dice.toss();
  op.ceil_mode = dice.toss();
  Shape shape{batch};
  if (!op.channels_last) shape.push_back(channels);
  for (int64_t i = 0; i < spatial; ++i) {
    shape.push_back(dice.between(7, 12));
    op.kernel_shape.push_back(dice.between(1, 3));
    op.strides.push_back(dice.between(1, 3));
    op.dilations.push_back(dice.between(1, 2));
  }
  if (op.channels_last) shape.push_back(channels);
  for (int64_t i = 0; i < 2 * spatial; ++i) {
    op.pads.push_back(dice.between(0, op.kernel_shape[static_cast<size_t>(i % spatial)] - 1));
  }
  expect_matches_reference("simd:pool", {op, {dice.tensor(shape)}});
}

void run_all_once(Dice& dice) {
  run_pool(dice, MaxPool{});
  run_pool(dice, AveragePool{.count_include_pad = dice.toss()});
  for (const auto kind : {GlobalPoolKind::kAverage, GlobalPoolKind::kMax}) {
    const Shape shape{dice.between(1, 2), dice.between(1, 20), dice.between(1, 9),
                      dice.between(1, 20)};
    expect_matches_reference("simd:pool", {GlobalPool{.kind = kind, .channels_last = dice.toss()},
                                           {dice.tensor(shape)}});
  }
  for (const auto kind : {ReduceKind::kSum, ReduceKind::kMean, ReduceKind::kSumSquare}) {
    Shape shape;
    for (int64_t i = dice.between(1, 4); i > 0; --i) shape.push_back(dice.between(1, 20));
    std::vector<int64_t> axes(static_cast<size_t>(dice.between(1, shape.rank())));
    std::iota(axes.begin(), axes.end(), -static_cast<int64_t>(axes.size()));
    const Tensor chosen = Tensor::from<int64_t>(Shape{static_cast<int64_t>(axes.size())}, axes);
    expect_matches_reference(
        "simd:reduce",
        {Reduce{.kind = kind, .keepdims = dice.toss()}, {dice.tensor(shape), chosen}, {1}});
  }
}

TEST(CpuPool, MatchesReferenceOnRandomShapes) { for_random_cases(run_all_once); }

TEST(CpuPool, EverySimdTargetMatchesReference) {
  for_each_simd_target([] {
    Dice dice(5);
    run_all_once(dice);
  });
}

TEST(CpuPool, MaximumKeepsNotANumber) {
  for (const bool channels_last : {false, true}) {
    Tensor x = random_tensor(channels_last ? Shape{1, 6, 6, 1} : Shape{1, 1, 6, 6});
    x.mutable_data<float>()[7] = std::numeric_limits<float>::quiet_NaN();
    MaxPool op{.channels_last = channels_last};
    op.kernel_shape = {3, 3};
    op.strides = {3, 3};
    for_each_simd_target([&] {
      const PreparedCase prepared({op, {x}});
      auto memory = prepared.memory();
      prepared.run(memory);
      const auto y = memory.outputs[0].data<float>();
      EXPECT_TRUE(std::isnan(y[0]));
      for (size_t i = 1; i < 4; ++i) EXPECT_FALSE(std::isnan(y[i]));
    });
  }
}

}  // namespace
}  // namespace tendon::testing
