// Temporary folders and the expectation that a call fails with an Error of some kind and text.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <tendon/error.h>

#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <string>
#include <string_view>

namespace tendon::testing {

/// A folder that disappears with the object.
class TempDir {
 public:
  TempDir() {
    std::string pattern = (std::filesystem::temp_directory_path() / "tendon-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path_ = pattern;
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::string operator/(std::string_view name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

inline void write_text(const std::string& path, std::string_view content) {
  std::ofstream file(path, std::ios::binary);
  file.write(content.data(), static_cast<std::streamsize>(content.size()));
}
inline std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

struct Failure {
  ErrorKind kind;
  std::string message;
};
/// What `call()` throws; "no error" where it does not.
template <class Call>
Failure failure_from(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return {error.kind(), error.what()};
  }
  return {ErrorKind::kInternal, "no error"};
}

/// Fails the test unless `call()` throws Error of `kind` whose message holds every part.
template <class Call>
void expect_error(ErrorKind kind, std::initializer_list<std::string_view> parts, Call&& call) {
  try {
    call();
    ADD_FAILURE() << "no error was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    for (const std::string_view part : parts) {
      EXPECT_THAT(error.what(), ::testing::HasSubstr(std::string(part)));
    }
  }
}
template <class Call>
void expect_bad_input(std::initializer_list<std::string_view> parts, Call&& call) {
  expect_error(ErrorKind::kBadInput, parts, call);
}

/// A file of the source tree.
inline std::string source_path(std::string_view relative) {
  return std::string(TENDON_SOURCE_DIR "/") + std::string(relative);
}

}  // namespace tendon::testing
