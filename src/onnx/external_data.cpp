#include "onnx/external_data.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>

#include "base/format.h"

namespace tendon {
namespace {

/// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() { reset(-1); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  void reset(int fd) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

uint64_t parse_number(std::string_view key, std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) {
    fail_input("external data: {} is '{}', expected a number of bytes from 0 on", key, text);
  }
  return value;
}

struct Entry {
  std::string location;
  uint64_t offset = 0;
  std::optional<uint64_t> length;
};

Entry entry_from(const StringPairs& pairs) {
  Entry entry;
  for (const auto& [key, value] : pairs) {
    if (key == "location") {
      entry.location = value;
    } else if (key == "offset") {
      entry.offset = parse_number(key, value);
    } else if (key == "length") {
      entry.length = parse_number(key, value);
    } else if (key != "checksum") {
      fail_input("external data: unknown key '{}'; known are location, offset, length, checksum",
                 key);
    }
  }
  if (entry.location.empty()) fail_input("external data: no location");
  return entry;
}

/// The components of a location, refused where they could leave the folder.
std::vector<std::string> components_of(const std::string& location) {
  if (location.find('\0') != std::string::npos) {
    fail_input("external data: the location holds a zero byte");
  }
  std::vector<std::string> components;
  for (size_t begin = 0; begin <= location.size();) {
    const size_t end = std::min(location.find('/', begin), location.size());
    components.push_back(location.substr(begin, end - begin));
    const std::string& component = components.back();
    if (component.empty() || component == "..") {
      fail_input(
          "external data: location '{}' is not a plain path inside the model's folder; move the "
          "file beside the model and store its name",
          location);
    }
    if (component == ".") components.pop_back();
    begin = end + 1;
  }
  if (components.empty()) fail_input("external data: location '{}' names no file", location);
  return components;
}

}  // namespace

ExternalData::ExternalData(const std::string& folder)
    : folder_(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  if (folder_ < 0) fail_input("cannot open folder '{}': {}", folder, std::strerror(errno));
}

ExternalData::~ExternalData() { ::close(folder_); }

const MappedFile& ExternalData::map(const std::string& location) {
  std::shared_ptr<const MappedFile>& mapped = files_[location];
  if (mapped) return *mapped;
  const std::vector<std::string> components = components_of(location);
  // Each step starts at an open folder and follows no link, so that nothing outside can be reached,
  // whatever is renamed meanwhile.
  Descriptor at(::dup(folder_));
  for (size_t i = 0; i < components.size(); ++i) {
    const int kind = i + 1 < components.size() ? O_DIRECTORY : O_NONBLOCK;
    const int next =
        ::openat(at.get(), components[i].c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | kind);
    if (next < 0) {
      const int error = errno;
      struct stat info {};
      const bool is_link =
          fstatat(at.get(), components[i].c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 &&
          S_ISLNK(info.st_mode);
      if (is_link) {
        fail_input(
            "external data: '{}' of location '{}' is a symbolic link; put the file itself there",
            components[i], location);
      }
      fail_input("external data: cannot open '{}' in the model's folder: {}", location,
                 std::strerror(error));
    }
    at.reset(next);
  }
  struct stat info {};
  if (fstat(at.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    fail_input("external data: '{}' is not a regular file", location);
  }
  if (info.st_nlink != 1) {
    fail_input("external data: '{}' has {} hard links, expected 1; copy the file", location,
               info.st_nlink);
  }
  mapped = MappedFile::from_descriptor(at.get(), location);
  return *mapped;
}

OwnedBytes ExternalData::read(const StringPairs& entries, uint64_t byte_size) {
  const Entry entry = entry_from(entries);
  if (entry.length && *entry.length != byte_size) {
    fail_input("external data: length is {} bytes, but type and shape need {}", *entry.length,
               byte_size);
  }
  const std::span<const std::byte> bytes = map(entry.location).bytes();
  if (entry.offset > bytes.size() || byte_size > bytes.size() - entry.offset) {
    fail_input("external data: {} bytes at offset {} reach beyond '{}', which has {}", byte_size,
               entry.offset, entry.location, bytes.size());
  }
  return {bytes.subspan(static_cast<size_t>(entry.offset), static_cast<size_t>(byte_size)),
          files_[entry.location]};
}

}  // namespace tendon
