// MaxPool: the largest element of each window, with its place as second output.
#pragma once

#include "ops/window.h"

namespace tendon {

/// Input X: [N,C,spatial…], or [N,spatial…,C] with channels_last. Outputs Y and, unless
/// channels_last, Indices into the flattened X.
struct MaxPool : SingleType<MaxPool>, WindowAttributes {
  static constexpr std::string_view kOnnxType = "MaxPool";
  bool ceil_mode = false;
  /// 1 counts Indices column-major within one channel of one image.
  int64_t storage_order = 0;
  bool channels_last = false;
  static constexpr auto kFields =
      std::tuple_cat(kWindowFields, std::tuple{Field{"ceil_mode", &MaxPool::ceil_mode},
                                               Field{"storage_order", &MaxPool::storage_order},
                                               Field{"channels_last", &MaxPool::channels_last}});
  bool operator==(const MaxPool&) const = default;
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;
};
static_assert(Operator<MaxPool>);

}  // namespace tendon
