// Iterations of named tensors as members of one .npz.
#pragma once

#include <tendon/tensor.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/zip.h"

namespace tendon {

/// "3/qpos" becomes 3 and "qpos"; the number is -1 when the text has no such form.
struct NumberedName {
  int64_t number = -1;
  std::string rest;
};
NumberedName split_number(std::string_view text);

/// Gathers the tensors named "<iteration>/<name>". Throws Error{kBadInput} when iterations are not
/// numbered from 0 without a gap.
std::vector<TensorMap> tensor_maps_from_members(const TensorMap& members, std::string_view name);

/// Adds one array to an .npz that is being written.
void add_npz_member(ZipWriter& zip, const std::string& name, const Tensor& tensor);
/// Adds one map as "<prefix><name>".
void add_npz_members(ZipWriter& zip, const std::string& prefix, const TensorMap& tensors);

/// Throws Error{kUsage} unless the path ends in .npz or .json; true for .npz.
bool is_npz_path(const std::string& path);

}  // namespace tendon
