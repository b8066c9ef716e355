// AveragePool: the mean of each window.
#pragma once

#include "ops/window.h"

namespace tendon {

/// Input X: [N,C,spatial…], or [N,spatial…,C] with channels_last.
struct AveragePool : SingleType<AveragePool>, WindowAttributes {
  static constexpr std::string_view kOnnxType = "AveragePool";
  bool ceil_mode = false;
  /// Padding counts as zeros; otherwise the mean is over the inputs inside the window.
  bool count_include_pad = false;
  bool channels_last = false;
  static constexpr auto kFields = std::tuple_cat(
      kWindowFields, std::tuple{Field{"ceil_mode", &AveragePool::ceil_mode},
                                Field{"count_include_pad", &AveragePool::count_include_pad},
                                Field{"channels_last", &AveragePool::channels_last}});
  bool operator==(const AveragePool&) const = default;
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;
};
static_assert(Operator<AveragePool>);

}  // namespace tendon
