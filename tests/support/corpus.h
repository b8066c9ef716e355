// Runs a fuzz target over its committed corpus and mutations of it.
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

/// The same for `count` mutations of each file by Mutator(seed); at least `least` of them must
/// differ from their file.
template <class Mutator>
void replay_mutations(const std::string& name, int count, size_t least,
                      int (*target)(const uint8_t*, size_t)) {
  const Severity severity = Logger::global().severity();
  size_t mutations = 0;
  unsigned int seed = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(TENDON_SOURCE_DIR "/fuzz/corpus/" + name)) {
    const std::string text = read_text_file(entry.path().string(), 1 << 20);
    for (int i = 0; i < count; ++i) {
      SCOPED_TRACE(entry.path().string() + ", seed " + std::to_string(++seed));
      const auto mutated = Mutator(seed).mutate(text, 1 << 16);
      if (!mutated) continue;
      mutations += *mutated != text;
      EXPECT_EQ(target(reinterpret_cast<const uint8_t*>(mutated->data()), mutated->size()), 0);
    }
  }
  Logger::global().set_severity(severity);
  EXPECT_GT(mutations, least);
}

}  // namespace tendon::testing
