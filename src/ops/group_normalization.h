// GroupNormalization and InstanceNormalization: zero mean and unit variance over the elements of
// each group of channels of each sample, scaled and shifted by channel.
#pragma once

#include "ops/op.h"

namespace tendon {

/// Inputs X [N,C,…], scale [C], bias [C] (opset 21; older nodes are expanded by the importer).
struct GroupNormalization {
  /// 0 for InstanceNormalization, where each channel is a group.
  int64_t num_groups = 0;
  float epsilon = 1e-5f;
  static constexpr auto kFields = kNoFields;
  bool operator==(const GroupNormalization&) const = default;

  std::string_view onnx_type() const {
    return num_groups == 0 ? "InstanceNormalization" : "GroupNormalization";
  }
  static bool accepts(std::string_view type) {
    return type == "InstanceNormalization" || type == "GroupNormalization";
  }
  static GroupNormalization from_onnx(const OnnxNode& node);
  Attributes attributes() const;
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;
};
static_assert(Operator<GroupNormalization>);

}  // namespace tendon
