// TensorInfo: matching and text.
#include <tendon/tensor_info.h>

#include "base/format.h"

namespace tendon {
namespace {

std::string to_string(const Axis& axis) {
  if (axis.fixed()) return std::to_string(axis.min);
  const bool open = axis.max == kAnySize;
  if (!axis.symbol.empty() && open) return axis.symbol;
  const std::string range = open ? "?" : fmt::format("{}..{}", axis.min, axis.max);
  return axis.symbol.empty() ? range : fmt::format("{}={}", axis.symbol, range);
}

}  // namespace

bool TensorInfo::accepts(const Shape& shape) const {
  if (static_cast<size_t>(shape.rank()) != axes.size()) return false;
  for (int i = 0; i < shape.rank(); ++i) {
    const Axis& axis = axes[static_cast<size_t>(i)];
    if (shape[i] < axis.min || shape[i] > axis.max) return false;
  }
  return true;
}

std::string to_string(const std::vector<Axis>& axes) {
  std::string text = "(";
  for (size_t i = 0; i < axes.size(); ++i) text += (i == 0 ? "" : ", ") + to_string(axes[i]);
  return text + (axes.size() == 1 ? ",)" : ")");
}

std::string to_string(const TensorInfo& info) {
  return fmt::format("{} [dtype={}, shape={}]", info.name, info.dtype, to_string(info.axes));
}

std::string to_string(const std::vector<TensorInfo>& infos) {
  std::string text;
  for (const TensorInfo& info : infos) text += (text.empty() ? "" : "\n") + to_string(info);
  return text;
}

const TensorInfo* find(const std::vector<TensorInfo>& infos, std::string_view name) {
  for (const TensorInfo& info : infos) {
    if (info.name == name) return &info;
  }
  return nullptr;
}

std::vector<TensorInfo> tensor_infos_from(const TensorMap& tensors) {
  std::vector<TensorInfo> infos;
  for (const auto& [name, tensor] : tensors) {
    TensorInfo info{name, tensor.dtype(), {}};
    for (const int64_t dim : tensor.shape()) info.axes.push_back(Axis::of(dim));
    infos.push_back(std::move(info));
  }
  return infos;
}

}  // namespace tendon
