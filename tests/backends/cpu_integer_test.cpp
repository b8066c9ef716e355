// Kernels on integers and flags, and on codes whose scale is known while running only, against
// their references.
#include <limits>

#include "backends/cpu_kernel_case.h"

namespace tendon::testing {
namespace {

Tensor random_codes(Dice& dice, DataType dtype, const Shape& shape, int64_t low, int64_t high) {
  std::vector<int64_t> values(static_cast<size_t>(shape.element_count()));
  for (int64_t& value : values) value = dice.between(low, high);
  return cast(Tensor::from<int64_t>(shape, values), dtype);
}

TEST(CpuInt32Product, MatchesReferenceOnRandomShapes) {
  for_random_cases([](Dice& dice) {
    const int64_t depth = dice.between(1, 40);
    Shape rows{dice.between(1, 13), depth};
    if (dice.toss()) rows = Shape{dice.between(1, 3), dice.between(1, 5), depth};
    const Shape columns{depth, dice.between(1, 40)};
    // Large factors wrap around.
    const int64_t most = dice.toss() ? 255 : std::numeric_limits<int32_t>::max();
    const Tensor a = random_codes(dice, DataType::kInt32, rows, -most, most);
    const Tensor b = random_codes(dice, DataType::kInt32, columns, -most, most);
    expect_matches_reference("simd:int32_matmul", {MatMul{}, {a, b}});
  });
}

TEST(CpuInt32Product, RunsOnEveryInstructionSet) {
  for_each_simd_target([] {
    Dice dice(7);
    const Tensor a = random_codes(dice, DataType::kInt32, {9, 17}, -300, 300);
    const Tensor b = random_codes(dice, DataType::kInt32, {17, 35}, -300, 300);
    expect_matches_reference("simd:int32_matmul", {MatMul{}, {a, b}});
  });
}

TEST(CpuInt32Product, DeclinesWithReason) {
  const Tensor a(DataType::kInt32, Shape{2, 3, 4});
  const PreparedCase batches({MatMul{}, {a, Tensor(DataType::kInt32, Shape{2, 4, 5})}});
  EXPECT_EQ(batches.kernel(), nullptr);
}

TEST(CpuDoubleConv, MatchesReferenceOnRandomShapes) {
  for_random_cases([](Dice& dice) {
    const int64_t group = dice.between(1, 3), inputs = dice.between(1, 3);
    const int64_t outputs = group * dice.between(1, 4);
    Shape x{dice.between(1, 2), group * inputs}, w{outputs, inputs};
    Conv conv;
    conv.group = group;
    for (int64_t axes = dice.between(1, 3); axes > 0; --axes) {
      const int64_t kernel = dice.between(1, 3), dilation = dice.between(1, 2);
      w.push_back(kernel);
      x.push_back(dice.between((kernel - 1) * dilation + 1, 9));
      conv.strides.push_back(dice.between(1, 2));
      conv.dilations.push_back(dilation);
    }
    conv.pads.assign(2 * conv.strides.size(), dice.between(0, 1));
    // Products of codes, as ConvInteger asks for them.
    std::vector<Tensor> operands{random_codes(dice, DataType::kFloat64, x, -255, 255),
                                 random_codes(dice, DataType::kFloat64, w, -255, 255)};
    if (dice.toss()) {
      operands.push_back(random_codes(dice, DataType::kFloat64, {outputs}, -1000, 1000));
    }
    expect_matches_reference("loop:conv", {conv, operands});
  });
}

TEST(CpuIntegers, BinaryOperatorsWrapAround) {
  for (const BinaryKind kind : {BinaryKind::kAdd, BinaryKind::kSub, BinaryKind::kMul}) {
    for (const DataType dtype : {DataType::kInt32, DataType::kInt64}) {
      Dice dice(3);
      const int64_t most = dtype == DataType::kInt32 ? std::numeric_limits<int32_t>::max()
                                                     : std::numeric_limits<int64_t>::max() / 2;
      const Tensor a = random_codes(dice, dtype, {3, 5, 7}, -most, most);
      const Tensor b = random_codes(dice, dtype, {5, 1}, -most, most);
      expect_matches_reference("loop:binary", {Binary{kind}, {a, b}});
    }
  }
}

TEST(CpuIntegers, CastsAndNot) {
  Dice dice(5);
  for (const DataType from :
       {DataType::kInt8, DataType::kUInt8, DataType::kInt32, DataType::kInt64, DataType::kBool}) {
    const Tensor x = random_codes(dice, from, {3, 50}, from == DataType::kUInt8 ? 0 : -100, 100);
    for (const DataType to : {DataType::kFloat32, DataType::kInt32, DataType::kInt64}) {
      expect_matches_reference("copy:cast", {Cast{.to = to}, {x}});
    }
  }
  const Tensor wide = Tensor::from<int64_t>({2}, {int64_t{1} << 40, -(int64_t{1} << 33) - 5});
  expect_matches_reference("copy:cast", {Cast{.to = DataType::kInt32}, {wide}});
  const Tensor flags = random_codes(dice, DataType::kBool, {77}, 0, 1);
  expect_matches_reference("loop:unary", {Unary{UnaryKind::kNot}, {flags}});
}

TEST(CpuQuantize, TakesScalesThatAreComputed) {
  Dice dice(11);
  for (const DataType dtype : {DataType::kInt8, DataType::kUInt8}) {
    const Tensor scale = Tensor::scalar(0.03f);
    const Tensor zero = random_codes(dice, dtype, {}, 3, 90);
    for (const std::vector<size_t>& constants : {std::vector<size_t>{}, {1}, {2}, {1, 2}}) {
      const Tensor x = dice.tensor({5, 33});
      expect_matches_reference("simd:quantize", {QuantizeLinear{}, {x, scale, zero}, constants});
      const Tensor codes = random_codes(dice, dtype, {5, 33}, 0, 127);
      expect_matches_reference("simd:dequantize",
                               {DequantizeLinear{}, {codes, scale, zero}, constants});
    }
    const Tensor codes = random_codes(dice, dtype, {40}, 0, 127);
    expect_matches_reference("simd:dequantize", {DequantizeLinear{}, {codes, scale}});
  }
}

}  // namespace
}  // namespace tendon::testing
