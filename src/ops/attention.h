// Attention: softmax(scale * q k^T) v for each head, made by passes.
#pragma once

#include "ops/op.h"

namespace tendon {

/// Inputs: q [B, Tq, H*d], k and v [B, Tk, H*d]; with sequence_first the first two axes are swapped
/// ([Tq, B, H*d]). Head h owns columns h*d to (h+1)*d. The output has q's type.
struct Attention : SingleType<Attention> {
  static constexpr std::string_view kOnnxType = "Attention";
  static constexpr std::string_view kDomain = kTendonDomain;
  int64_t num_heads = 1;
  float scale = 1;
  bool sequence_first = false;
  static constexpr auto kFields =
      std::tuple{Field{"num_heads", &Attention::num_heads}, Field{"scale", &Attention::scale},
                 Field{"sequence_first", &Attention::sequence_first}};
  bool operator==(const Attention&) const = default;
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;
};
static_assert(Operator<Attention>);

}  // namespace tendon
