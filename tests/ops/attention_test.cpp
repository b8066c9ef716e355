#include "ops/attention.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ops/op_set.h"
#include "support/graphs.h"

namespace tendon {
namespace {

using ::testing::HasSubstr;
using testing::max_abs_difference;
using testing::random_tensor;

Tensor transposed(const Tensor& tensor, std::vector<int64_t> perm) {
  return Transpose{{}, std::move(perm)}.reference({{tensor}})[0];
}

/// Attention by MatMul and Softmax; q, k and v are [B, T, H*d].
Tensor by_parts(const Tensor& q, const Tensor& k, const Tensor& v, int64_t heads, float scale) {
  const auto split = [&](const Tensor& x) {
    const Shape shape = x.shape();
    return transposed(x.reshaped({shape[0], shape[1], heads, shape[2] / heads}), {0, 2, 1, 3});
  };
  Tensor scores = MatMul{}.reference({{split(q), transposed(split(k), {0, 1, 3, 2})}})[0];
  scores = Binary{BinaryKind::kMul}.reference({{scores, Tensor::scalar(scale)}})[0];
  scores = Softmax{}.reference({{scores}})[0];
  const Tensor out = MatMul{}.reference({{scores, split(v)}})[0];
  return transposed(out, {0, 2, 1, 3}).reshaped(q.shape());
}

TEST(Attention, EqualsItsParts) {
  const Tensor q = random_tensor({2, 3, 8}, 1);
  const Tensor k = random_tensor({2, 5, 8}, 2);
  const Tensor v = random_tensor({2, 5, 8}, 3);
  const Tensor expected = by_parts(q, k, v, 4, 0.7f);
  Attention op{{}, 4, 0.7f, false};
  EXPECT_LE(max_abs_difference(op.reference({{q, k, v}})[0], expected), 1e-6);
  op.sequence_first = true;
  const auto swapped = [](const Tensor& x) { return transposed(x, {1, 0, 2}); };
  const Tensor y = op.reference({{swapped(q), swapped(k), swapped(v)}})[0];
  EXPECT_LE(max_abs_difference(swapped(y), expected), 1e-6);
}

TEST(Attention, ReadsColumnsOfWiderTensors) {
  const Tensor q = random_tensor({2, 3, 8}, 1);
  const Tensor k = random_tensor({2, 5, 8}, 2);
  const Tensor v = random_tensor({2, 5, 8}, 3);
  const auto joined = [](std::vector<Tensor> parts) {
    return Concat{.axis = -1}.reference(parts)[0];
  };
  const Attention op{
      .num_heads = 4, .scale = 0.7f, .width = 8, .q_column = 3, .k_column = 8, .v_column = 0};
  const Tensor wide_q = joined({random_tensor({2, 3, 3}, 4), q});
  const Tensor kv = joined({v, k, random_tensor({2, 5, 1}, 5)});
  EXPECT_LE(max_abs_difference(op.reference({{wide_q, kv, kv}})[0], by_parts(q, k, v, 4, 0.7f)),
            1e-6);
  const auto typed = [](const Tensor& x) { return Argument{x.type(), nullptr, true}; };
  EXPECT_EQ(op.infer({{typed(wide_q), typed(kv), typed(v)}}).front(), q.type());
}

TEST(Attention, LargeLogitsDoNotOverflow) {
  const Tensor q = Tensor::from<float>({1, 1, 1}, {1000.0f});
  const Tensor k = Tensor::from<float>({1, 2, 1}, {1000.0f, -1000.0f});
  const Tensor v = Tensor::from<float>({1, 2, 1}, {3.0f, 7.0f});
  EXPECT_EQ((Attention{{}, 1, 1.0f, false}.reference({{q, k, v}})[0]),
            Tensor::from<float>({1, 1, 1}, {3.0f}));
}

TEST(Attention, RefusesWhatDoesNotFit) {
  const auto typed = [](const Shape& shape) {
    return Argument{{DataType::kFloat32, shape}, nullptr, true};
  };
  struct Case {
    Attention op;
    Shape q, k, v;
    const char* message;
  };
  const Case cases[] = {
      {{{}, 2, 1.0f, false}, {1, 3, 8}, {1, 5, 8}, {1, 4, 8}, "expected q [batch, Tq, width]"},
      {{{}, 2, 1.0f, true}, {3, 2, 8}, {5, 1, 8}, {5, 1, 8}, "expected q [Tq, batch, width]"},
      {{{}, 2, 1.0f, false}, {3, 8}, {5, 8}, {5, 8}, "q, k and v are float32(3, 8)"},
      {{{}, 3, 1.0f, false}, {1, 3, 8}, {1, 5, 8}, {1, 5, 8}, "width 8 cannot be shared by 3"},
      {{{}, 0, 1.0f, false}, {1, 3, 8}, {1, 5, 8}, {1, 5, 8}, "cannot be shared by 0 heads"},
      {{{}, 2, 1.0f, false, -8}, {1, 3, 8}, {1, 5, 8}, {1, 5, 8}, "width -8 cannot be shared"},
      {{{}, 2, 1.0f, false, 0, 1}, {1, 3, 8}, {1, 5, 8}, {1, 5, 8}, "from 1 on are not in q"},
      {{{}, 2, 1.0f, false, 8, 0, 9}, {1, 3, 8}, {1, 5, 16}, {1, 5, 8}, "from 9 on are not in k"},
      {{{}, 2, 1.0f, false, 8, 0, 0, -1}, {1, 3, 8}, {1, 5, 8}, {1, 5, 9}, "are not in v"},
  };
  for (const Case& c : cases) {
    try {
      c.op.infer({{typed(c.q), typed(c.k), typed(c.v)}});
      ADD_FAILURE() << c.message;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr(c.message));
    }
  }
}

}  // namespace
}  // namespace tendon
