// The attention kernel against the operator's reference.
#include "backends/attention_case.h"

namespace tendon::testing {
namespace {

TEST(CpuAttention, MatchesReferenceOnRandomShapes) {
  for_random_cases([](Dice& dice) {
    expect_matches_reference(
        "simd:attention",
        attention_case(dice, dice.between(1, 3), dice.between(1, 120), dice.between(1, 300),
                       dice.between(1, 4), dice.pick<int64_t>({1, 3, 8, 16, 17, 32, 64, 80, 128})));
  });
}

TEST(CpuAttention, MatchesReferenceAtThePoliciesSizes) {
  Dice dice(3);
  expect_matches_reference("simd:attention", attention_case(dice, 1, 302, 302, 8, 64));
  expect_matches_reference("simd:attention", attention_case(dice, 1, 100, 902, 8, 64));
  expect_matches_reference("simd:attention", attention_case(dice, 1, 182, 182, 8, 16));
}

TEST(CpuAttention, ReadsColumnsOfOneTensor) {
  for_random_cases([](Dice& dice) {
    const int64_t keys = dice.between(1, 150);
    KernelCase test = attention_case(dice, dice.between(1, 3), keys, keys, dice.between(1, 4),
                                     dice.pick<int64_t>({3, 16, 64}));
    auto& op = std::get<Attention>(test.op);
    Shape shape = test.inputs[0].shape();
    op.width = shape[2];
    op.q_column = op.width + 1;
    op.k_column = 2 * op.width + 1;
    op.v_column = dice.between(0, 1);
    shape[2] = 3 * op.width + 1;
    test.inputs.assign(3, dice.tensor(shape));
    expect_matches_reference("simd:attention", test);
  });
}

TEST(CpuAttention, EverySimdTargetMatchesReference) {
  for_each_simd_target([] {
    Dice dice(5);
    expect_matches_reference("simd:attention", attention_case(dice, 2, 50, 140, 2, 24));
  });
}

TEST(CpuAttention, LargeScoresStayFinite) {
  Dice dice(7);
  KernelCase test = attention_case(dice, 1, 20, 200, 1, 8);
  std::get<Attention>(test.op).scale = 200.0F;
  expect_matches_reference("simd:attention", test);
}

TEST(CpuAttention, LaterKeysMayScoreHigher) {
  for_each_simd_target([] {
    Dice dice(9);
    expect_matches_reference("simd:attention", rising_attention_case(dice));
  });
}

}  // namespace
}  // namespace tendon::testing
