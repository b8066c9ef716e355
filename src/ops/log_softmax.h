// LogSoftmax along one axis (opset 13 semantics; older nodes are expanded by the importer).
#pragma once

#include "ops/op.h"

namespace tendon {

struct LogSoftmax : SingleType<LogSoftmax> {
  static constexpr std::string_view kOnnxType = "LogSoftmax";
  int64_t axis = -1;
  static constexpr auto kFields = std::tuple{Field{"axis", &LogSoftmax::axis}};
  bool operator==(const LogSoftmax&) const = default;
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;
};
static_assert(Operator<LogSoftmax>);

}  // namespace tendon
