// Checkpoints as torch.save writes them: a ZIP archive with a pickle and one entry a storage.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "policy/state_dict.h"

namespace tendon {

/// Whether the archive holds a checkpoint rather than, say, numpy arrays. Throws Error{kBadInput}
/// for a damaged archive.
bool is_torch_archive(std::span<const std::byte> bytes, const std::string& name);
/// Whether the bytes start as torch.save wrote before version 1.6.
bool is_old_torch_stream(std::span<const std::byte> bytes);

/// The state dict of a checkpoint, at its top or under one of the keys that training scripts use.
/// Nothing in the file is executed. Entries must be stored uncompressed, and their checksums are
/// checked. Throws Error{kBadInput} naming the file and the place.
StateDict load_torch_checkpoint(const std::string& path);
/// `owner` keeps `bytes` alive, into which the tensors point.
StateDict parse_torch_checkpoint(std::span<const std::byte> bytes, const std::string& name,
                                 std::shared_ptr<const void> owner);

}  // namespace tendon
