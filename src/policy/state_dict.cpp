#include "policy/state_dict.h"

#include "base/byte_reader.h"

namespace tendon {

void StateDict::add(std::string name, Tensor tensor) {
  if (!index_.emplace(name, tensors_.size()).second) {
    fail_input("{}: tensor '{}' appears twice", source_, name);
  }
  tensors_.push_back({std::move(name), std::move(tensor)});
}

const Tensor* StateDict::find(std::string_view name) const {
  const auto found = index_.find(std::string(name));
  return found == index_.end() ? nullptr : &tensors_[found->second].tensor;
}

int64_t StateDict::element_count() const {
  int64_t count = 0;
  for (const NamedTensor& named : tensors_) count += named.tensor.size();
  return count;
}

void refuse_lfs_pointer(std::span<const std::byte> bytes, std::string_view name) {
  if (text_of(bytes).starts_with("version https://git-lfs")) {
    fail_input("{}: a Git LFS pointer of {} bytes; fetch the file itself with 'git lfs pull'", name,
               bytes.size());
  }
}

}  // namespace tendon
