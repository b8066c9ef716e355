// The engine file: data only, mapped and used in place, every section under a checksum.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"

namespace tendon {

/// The backends of a device named in an engine file. Throws Error{kUnsupported} for a device that
/// this build does not have.
using BackendLookup = std::function<std::vector<Backend*>(std::string_view device)>;

/// Writes the file whole or not at all. Throws Error{kBadInput} when it cannot be written.
void write_engine_file(const CompiledEngine& engine, const std::string& path);
/// The content of the file, for callers that store it elsewhere.
std::vector<std::byte> bytes_from_compiled_engine(const CompiledEngine& engine);

/// Maps the file and uses the weights in place. Throws Error{kBadInput} naming file, place, found
/// and expected for anything damaged.
std::shared_ptr<const CompiledEngine> read_engine_file(const std::string& path,
                                                       const BackendLookup& backends);
/// The same from memory that `owner` keeps alive (null: the bytes are copied). `name` stands in
/// messages.
std::shared_ptr<const CompiledEngine> compiled_engine_from_bytes(std::span<const std::byte> bytes,
                                                                 std::shared_ptr<const void> owner,
                                                                 std::string_view name,
                                                                 const BackendLookup& backends);
/// Whether the bytes start like an engine file.
bool is_engine_file(std::span<const std::byte> bytes);

}  // namespace tendon
