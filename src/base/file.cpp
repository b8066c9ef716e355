// mmap reader and crash-safe writer: temporary file, fsync, rename, fsync of the folder, in that
// order.
#include "base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/format.h"

namespace tendon {

std::shared_ptr<const MappedFile> MappedFile::open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) fail_input("cannot open '{}': {}", path, std::strerror(errno));
  try {
    auto file = from_descriptor(fd, path);
    ::close(fd);
    return file;
  } catch (...) {
    ::close(fd);
    throw;
  }
}

std::shared_ptr<const MappedFile> MappedFile::from_descriptor(int fd, const std::string& path) {
  struct stat info {};
  if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    fail_input("'{}' is not a regular file", path);
  }
  const auto size = static_cast<size_t>(info.st_size);
  const std::byte* data = nullptr;
  if (size > 0) {
    void* mapped = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (mapped == MAP_FAILED) {
      fail_input("cannot map '{}' ({} bytes): {}", path, size, std::strerror(errno));
    }
    data = static_cast<const std::byte*>(mapped);
  }
  return std::shared_ptr<const MappedFile>(new MappedFile(path, data, size));
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) munmap(const_cast<std::byte*>(data_), size_);
}

void MappedFile::release_pages(std::span<const std::byte> part) const {
  if (part.empty()) return;
  static const auto page = static_cast<size_t>(sysconf(_SC_PAGE_SIZE));
  const auto offset = static_cast<size_t>(part.data() - data_);
  const size_t begin = offset / page * page;
  madvise(const_cast<std::byte*>(data_) + begin, offset + part.size() - begin, MADV_DONTNEED);
}

AtomicFileWriter::AtomicFileWriter(std::string path) : path_(std::move(path)) {
  temporary_ = path_ + ".tmp-XXXXXX";
  fd_ = mkostemp(temporary_.data(), O_CLOEXEC);
  if (fd_ < 0) {
    const int error = errno;
    temporary_.clear();
    fail_input("cannot create a file beside '{}': {}", path_, std::strerror(error));
  }
  const mode_t mask = umask(0);
  umask(mask);
  fchmod(fd_, 0666 & ~mask);
}

AtomicFileWriter::~AtomicFileWriter() {
  if (fd_ >= 0) ::close(fd_);
  if (!temporary_.empty()) unlink(temporary_.c_str());
}

void AtomicFileWriter::fail_errno(const char* action) {
  fail_input("cannot {} '{}': {}; the previous file, if any, is unchanged", action, path_,
             std::strerror(errno));
}

void AtomicFileWriter::write(const void* data, size_t size) {
  const char* cursor = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t written = ::write(fd_, cursor, size);
    if (written < 0) {
      if (errno == EINTR) continue;
      fail_errno("write");
    }
    cursor += written;
    size -= static_cast<size_t>(written);
    size_ += static_cast<size_t>(written);
  }
}

void AtomicFileWriter::commit() {
  if (fsync(fd_) != 0) fail_errno("sync");
  const int fd = fd_;
  fd_ = -1;
  if (::close(fd) != 0) fail_errno("close");
  if (rename(temporary_.c_str(), path_.c_str()) != 0) fail_errno("rename the new file to");
  temporary_.clear();
  std::filesystem::path folder = std::filesystem::path(path_).parent_path();
  if (folder.empty()) folder = ".";
  const int folder_fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder_fd >= 0) {
    const bool synced = fsync(folder_fd) == 0 || errno == EINVAL;
    ::close(folder_fd);
    if (!synced) fail_errno("sync the folder of");
  }
}

void write_file_atomically(const std::string& path, std::string_view content) {
  AtomicFileWriter writer(path);
  writer.write(content);
  writer.commit();
}

std::string read_text_file(const std::string& path, size_t max_bytes) {
  const auto file = MappedFile::open(path);
  if (file->bytes().size() > max_bytes) {
    fail_input("'{}' has {} bytes, more than the limit of {}", path, file->bytes().size(),
               max_bytes);
  }
  return {reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size()};
}

}  // namespace tendon
