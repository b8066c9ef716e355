// numpy's .npz format: named arrays in a ZIP archive.
#pragma once

#include <tendon/tensor.h>

#include <string>

namespace tendon {

/// Every array of the archive. Throws Error{kBadInput} naming the file and the member.
TensorMap load_npz(const std::string& path);
TensorMap parse_npz(std::span<const std::byte> bytes, const std::string& name);
/// Written whole or not at all; numpy.load reads it.
void save_npz(const std::string& path, const TensorMap& tensors);

}  // namespace tendon
