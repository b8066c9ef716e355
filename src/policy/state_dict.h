// The tensors of a checkpoint by name, in whatever kind of file they came.
#pragma once

#include <tendon/tensor.h>

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace tendon {

struct NamedTensor {
  std::string name;
  Tensor tensor;
};

/// Named as in PyTorch. Tensors keep the order of the file and are views of it where that is
/// possible.
class StateDict {
 public:
  /// `source`, the file's name, stands in messages.
  explicit StateDict(std::string source) : source_(std::move(source)) {}

  /// Throws Error{kBadInput} when there is a tensor of that name.
  void add(std::string name, Tensor tensor);
  /// Null when there is none.
  const Tensor* find(std::string_view name) const;
  bool contains(std::string_view name) const { return find(name) != nullptr; }
  const std::vector<NamedTensor>& tensors() const { return tensors_; }
  const std::string& source() const { return source_; }
  /// Of all tensors together.
  int64_t element_count() const;

 private:
  std::string source_;
  std::vector<NamedTensor> tensors_;
  std::unordered_map<std::string, size_t> index_;
};

/// Throws Error{kBadInput} when the bytes are a Git LFS pointer instead of the file it stands for.
void refuse_lfs_pointer(std::span<const std::byte> bytes, std::string_view name);

}  // namespace tendon
