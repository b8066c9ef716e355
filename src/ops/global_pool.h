// GlobalAveragePool and GlobalMaxPool: one number for each channel of each image.
#pragma once

#include "ops/op.h"

namespace tendon {

enum class GlobalPoolKind : int64_t { kAverage, kMax };

/// Input X: [N,C,spatial…], or [N,spatial…,C] with channels_last; the result has spatial sizes 1.
struct GlobalPool {
  GlobalPoolKind kind = GlobalPoolKind::kAverage;
  bool channels_last = false;
  static constexpr auto kFields = std::tuple{Field{"channels_last", &GlobalPool::channels_last}};
  bool operator==(const GlobalPool&) const = default;

  std::string_view onnx_type() const;
  static bool accepts(std::string_view type);
  static GlobalPool from_onnx(const OnnxNode& node);
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;
};
static_assert(Operator<GlobalPool>);

}  // namespace tendon
