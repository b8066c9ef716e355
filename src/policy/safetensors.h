// The safetensors format: a JSON header that places every tensor in the bytes after it.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "policy/state_dict.h"

namespace tendon {

/// Whether the bytes start with a length and an opening brace.
bool looks_like_safetensors(std::span<const std::byte> bytes);

/// Tensors are views of the file; booleans become uint8. Keys that appear twice, tensors that
/// overlap, leave holes or reach past the file, and sizes that contradict shapes are
/// Error{kBadInput} naming file and tensor; element types that Tendon does not hold are
/// Error{kUnsupported}.
StateDict load_safetensors(const std::string& path);
/// `owner` keeps `bytes` alive, into which the tensors point.
StateDict parse_safetensors(std::span<const std::byte> bytes, const std::string& name,
                            std::shared_ptr<const void> owner);

}  // namespace tendon
