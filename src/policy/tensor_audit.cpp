#include "policy/tensor_audit.h"

#include <algorithm>

#include "base/data_type.h"
#include "base/format.h"

namespace tendon {

int64_t TensorAudit::size_of(const std::string& name, int axis, int rank) {
  needed_.insert(name);
  const Tensor* tensor = weights_.find(name);
  if (tensor == nullptr) {
    problems_.push_back(fmt::format("'{}' is missing", name));
    return 0;
  }
  if (tensor->rank() != rank) {
    problems_.push_back(
        fmt::format("'{}' has shape {}, expected {} dimensions", name, tensor->shape(), rank));
    return 0;
  }
  const int64_t size = tensor->shape()[axis];
  if (size == 0) problems_.push_back(fmt::format("'{}' is empty: {}", name, tensor->shape()));
  return size;
}

void TensorAudit::require(const std::string& name, const Shape& shape) {
  needed_.insert(name);
  const Tensor* tensor = weights_.find(name);
  if (tensor == nullptr) {
    problems_.push_back(fmt::format("'{}' of shape {} is missing", name, shape));
  } else if (tensor->shape() != shape) {
    problems_.push_back(
        fmt::format("'{}' has shape {}, expected {}", name, tensor->shape(), shape));
  } else if (!is_floating(tensor->dtype())) {
    problems_.push_back(
        fmt::format("'{}' has elements of type {}, expected floats", name, tensor->dtype()));
  }
}

std::string first_of(const std::vector<std::string>& items) {
  constexpr size_t kMostShown = 6;
  const size_t shown = std::min(items.size(), kMostShown);
  std::string text = fmt::format("{}", fmt::join(items.begin(), items.begin() + shown, ", "));
  if (items.size() > shown) text += fmt::format(" and {} more", items.size() - shown);
  return text;
}

}  // namespace tendon
