// Gemm: Y = alpha * A' * B' + beta * C on matrices, where ' is an optional transposition.
#pragma once

#include "ops/op.h"

namespace tendon {

struct Gemm : SingleType<Gemm> {
  static constexpr std::string_view kOnnxType = "Gemm";
  float alpha = 1.0f;
  float beta = 1.0f;
  bool trans_a = false;
  bool trans_b = false;
  static constexpr auto kFields =
      std::tuple{Field{"alpha", &Gemm::alpha}, Field{"beta", &Gemm::beta},
                 Field{"transA", &Gemm::trans_a}, Field{"transB", &Gemm::trans_b}};
  bool operator==(const Gemm&) const = default;
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;
};
static_assert(Operator<Gemm>);

}  // namespace tendon
