// RNN, GRU and LSTM on the cpu backend against their reference.
#include "backends/cpu_kernel_case.h"

namespace tendon::testing {
namespace {

Tensor small(Dice& dice, const Shape& shape) {
  Tensor tensor = dice.tensor(shape);
  for (float& value : tensor.mutable_data<float>()) value *= 0.4F;
  return tensor;
}

KernelCase random_layer(Dice& dice, RecurrentKind kind) {
  Recurrent op{.kind = kind};
  op.layout = dice.between(0, 1);
  op.direction = dice.pick({"forward", "reverse", "bidirectional"});
  op.clip = dice.toss() ? 0.5F : 0.0F;
  op.linear_before_reset = kind == RecurrentKind::kGru && dice.toss();
  op.input_forget = kind == RecurrentKind::kLstm && dice.toss();
  if (dice.toss()) {
    op.activations.assign(
        static_cast<size_t>(op.directions() * (op.gates() == 1 ? 1 : op.gates() - 1)), "Sigmoid");
    op.activations.back() = "LeakyRelu";
    op.activation_alpha = {0.1F};
  }
  const int64_t steps = dice.between(1, 7);
  const int64_t batch = dice.between(1, 4);
  const int64_t width = dice.between(1, 20);
  const int64_t hidden = dice.between(1, 40);
  const int64_t rows = op.gates() * hidden;
  const int64_t directions = op.directions();
  const Shape state =
      op.layout == 0 ? Shape{directions, batch, hidden} : Shape{batch, directions, hidden};
  const auto maybe = [&](const Shape& shape) {
    return dice.toss() ? small(dice, shape) : Tensor();
  };
  KernelCase test{
      op,
      {small(dice, op.layout == 0 ? Shape{steps, batch, width} : Shape{batch, steps, width}),
       small(dice, Shape{directions, rows, width}), small(dice, Shape{directions, rows, hidden}),
       maybe(Shape{directions, 2 * rows}), Tensor(), maybe(state)}};
  if (dice.toss()) {
    test.inputs[4] = Tensor(DataType::kInt32, Shape{batch});
    for (int32_t& length : test.inputs[4].mutable_data<int32_t>()) {
      length = static_cast<int32_t>(dice.between(0, steps));
    }
  }
  test.outputs = 2;
  if (kind == RecurrentKind::kLstm) {
    test.inputs.push_back(maybe(state));
    test.inputs.push_back(maybe(Shape{directions, 3 * hidden}));
    test.outputs = 3;
  }
  if (dice.toss()) test.constants = {1, 2};
  if (dice.toss() && test.inputs[3].defined()) test.constants.push_back(3);
  return test;
}

TEST(CpuRecurrent, MatchesReferenceOnRandomLayers) {
  for_random_cases([](Dice& dice) {
    const auto kind = dice.pick({RecurrentKind::kRnn, RecurrentKind::kGru, RecurrentKind::kLstm});
    expect_matches_reference("onednn:recurrent", random_layer(dice, kind));
  });
}

TEST(CpuRecurrent, PacksConstantWeights) {
  Dice dice(3);
  KernelCase test = random_layer(dice, RecurrentKind::kGru);
  test.constants = {1, 2};
  const PreparedCase packed(test);
  EXPECT_FALSE(packed.kernel()->reads_constant(1));
  EXPECT_FALSE(packed.kernel()->reads_constant(2));
  EXPECT_TRUE(packed.kernel()->reads_constant(0));
  EXPECT_GE(packed.kernel()->packed_bytes(),
            test.inputs[1].byte_size() + test.inputs[2].byte_size());
}

TEST(CpuRecurrent, DeclinesWithReason) {
  Dice dice(4);
  KernelCase test = random_layer(dice, RecurrentKind::kRnn);
  Recurrent op = std::get<Recurrent>(test.op);
  op.activations.assign(static_cast<size_t>(op.directions()), "Softsign");
  test.op = op;
  EXPECT_EQ(PreparedCase(test).declined(), "no vector code for Softsign");
  KernelCase halves = random_layer(dice, RecurrentKind::kLstm);
  for (Tensor& input : halves.inputs) {
    if (input.defined() && input.dtype() == DataType::kFloat32) {
      input = cast(input, DataType::kFloat16);
    }
  }
  EXPECT_EQ(PreparedCase(halves).declined(), "needs float32, input 0 is float16");
}

}  // namespace
}  // namespace tendon::testing
