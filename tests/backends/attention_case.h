// Attentions of random layout and thread count.
#pragma once

#include "backends/cpu_kernel_case.h"

namespace tendon::testing {

inline KernelCase attention_case(Dice& dice, int64_t batch, int64_t queries, int64_t keys,
                                 int64_t heads, int64_t width) {
  Attention op;
  op.num_heads = heads;
  op.scale = 1.0F / std::sqrt(static_cast<float>(width));
  op.sequence_first = dice.toss();
  const auto shape = [&](int64_t length) {
    return op.sequence_first ? Shape{length, batch, heads * width}
                             : Shape{batch, length, heads * width};
  };
  KernelCase test{
      op, {dice.tensor(shape(queries)), dice.tensor(shape(keys)), dice.tensor(shape(keys))}};
  test.threads = static_cast<int>(dice.between(1, 3));
  return test;
}

/// Later keys score higher, by a little from the 257th on and by far from the 513th.
inline KernelCase rising_attention_case(Dice& dice) {
  constexpr int64_t kWidth = 16;
  KernelCase test = attention_case(dice, 1, 30, 700, 1, kWidth);
  std::ranges::fill(test.inputs[0].mutable_data<float>(), 1.0F);
  const auto keys = test.inputs[1].mutable_data<float>();
  for (size_t i = 0; i < keys.size(); ++i) {
    const size_t key = i / kWidth;
    keys[i] += key < 256 ? 0.0F : key < 512 ? 0.5F : 6.0F;
  }
  return test;
}

}  // namespace tendon::testing
