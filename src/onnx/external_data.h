// Weights stored beside a model: files of the model's own folder only, each mapped once.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>

#include "base/file.h"
#include "onnx/model.h"

namespace tendon {

/// Bytes and what keeps them alive; without an owner the reader must copy them.
struct OwnedBytes {
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> owner;
};

/// Resolves external_data entries. A location must be a relative path without "..", reached from
/// the folder without any symbolic link, and name a regular file with a single hard link; offset
/// and length must lie inside it. Everything else throws Error{kBadInput}.
class ExternalData {
 public:
  /// `folder` is opened once; later renames of its parents change nothing.
  explicit ExternalData(const std::string& folder);
  ~ExternalData();
  ExternalData(const ExternalData&) = delete;
  ExternalData& operator=(const ExternalData&) = delete;

  /// `byte_size` is what the tensor's type and shape ask for.
  OwnedBytes read(const StringPairs& entries, uint64_t byte_size);

 private:
  const MappedFile& map(const std::string& location);

  int folder_ = -1;
  std::map<std::string, std::shared_ptr<const MappedFile>> files_;
};

}  // namespace tendon
