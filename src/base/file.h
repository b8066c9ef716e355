// Files: read through mmap, written whole or not at all.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace tendon {

/// A read-only mapping of a whole regular file; stays valid while any copy lives.
class MappedFile {
 public:
  /// Throws Error{kBadInput} naming the path and the reason.
  static std::shared_ptr<const MappedFile> open(const std::string& path);
  /// Maps an open file, which the caller still closes; `path` is for messages.
  static std::shared_ptr<const MappedFile> from_descriptor(int fd, const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  const std::string& path() const { return path_; }
  /// Gives back the memory of pages read so far; reading them again takes it anew.
  void release_pages() const { release_pages(bytes()); }
  /// Those of a part of bytes().
  void release_pages(std::span<const std::byte> part) const;

 private:
  MappedFile(std::string path, const std::byte* data, size_t size)
      : path_(std::move(path)), data_(data), size_(size) {}
  std::string path_;
  const std::byte* data_;
  size_t size_;
};

/// Writes to a temporary file in the same folder, syncs it, renames it over `path` and syncs the
/// folder. On any failure the old file stays as it was, the temporary one is removed and
/// Error{kBadInput} is thrown.
class AtomicFileWriter {
 public:
  explicit AtomicFileWriter(std::string path);
  ~AtomicFileWriter();
  AtomicFileWriter(const AtomicFileWriter&) = delete;
  AtomicFileWriter& operator=(const AtomicFileWriter&) = delete;

  void write(const void* data, size_t size);
  void write(std::string_view text) { write(text.data(), text.size()); }
  void write(std::span<const std::byte> bytes) { write(bytes.data(), bytes.size()); }
  size_t size() const { return size_; }
  /// Without it the destructor discards what was written.
  void commit();

 private:
  [[noreturn]] void fail_errno(const char* action);
  std::string path_;
  std::string temporary_;
  int fd_ = -1;
  size_t size_ = 0;
};

void write_file_atomically(const std::string& path, std::string_view content);
/// The whole file as text, refused above `max_bytes`.
std::string read_text_file(const std::string& path, size_t max_bytes);

}  // namespace tendon
