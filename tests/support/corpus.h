// Runs a fuzz target over its committed corpus.
#pragma once

#include <gtest/gtest.h>
#include <tendon/log.h>

#include <filesystem>

#include "base/file.h"

namespace tendon::testing {

/// `target` ends the program where a file breaks the promise that it checks.
inline void replay_corpus(const std::string& name, int (*target)(const uint8_t*, size_t)) {
  const Severity severity = Logger::global().severity();
  size_t files = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(TENDON_SOURCE_DIR "/fuzz/corpus/" + name)) {
    SCOPED_TRACE(entry.path().string());
    const auto file = MappedFile::open(entry.path().string());
    const auto* data = reinterpret_cast<const uint8_t*>(file->bytes().data());
    EXPECT_EQ(target(data, file->bytes().size()), 0);
    ++files;
  }
  Logger::global().set_severity(severity);
  EXPECT_GE(files, 2u);
}

}  // namespace tendon::testing
