// Attention: softmax(scale * q k^T) v for each head, made by passes.
#pragma once

#include "ops/op.h"

namespace tendon {

/// Inputs: q [B, Tq, H*d], k and v [B, Tk, H*d]; with sequence_first the first two axes are swapped
/// ([Tq, B, H*d]). Head h owns columns h*d to (h+1)*d. The output is [B, Tq, H*d].
/// With a width, H*d is that, and each input may have more columns, of which H*d from its own
/// first one on are meant: one product can then make all three.
struct Attention : SingleType<Attention> {
  static constexpr std::string_view kOnnxType = "Attention";
  static constexpr std::string_view kDomain = kTendonDomain;
  int64_t num_heads = 1;
  float scale = 1;
  bool sequence_first = false;
  int64_t width = 0;  ///< 0: all columns of each input
  int64_t q_column = 0, k_column = 0, v_column = 0;
  static constexpr auto kFields = std::tuple{Field{"num_heads", &Attention::num_heads},
                                             Field{"scale", &Attention::scale},
                                             Field{"sequence_first", &Attention::sequence_first},
                                             Field{"width", &Attention::width},
                                             Field{"q_column", &Attention::q_column},
                                             Field{"k_column", &Attention::k_column},
                                             Field{"v_column", &Attention::v_column}};
  bool operator==(const Attention&) const = default;
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;

  /// H*d for this q.
  int64_t width_of(const Shape& q) const { return width == 0 ? q.back() : width; }
};
static_assert(Operator<Attention>);

}  // namespace tendon
