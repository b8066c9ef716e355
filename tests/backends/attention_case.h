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

}  // namespace tendon::testing
