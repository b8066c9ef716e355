// Replays the fuzzer's seeds and past finds with any compiler, and mutations of them.
#include "support/corpus.h"

#include <gtest/gtest.h>

#define TENDON_REPLAY
#include "../../fuzz/engine_fuzz.cpp"

namespace tendon {
namespace {

TEST(EngineCorpus, Replays) { testing::replay_corpus("engine", LLVMFuzzerTestOneInput); }

TEST(EngineCorpus, MutatedFilesKeepThePromise) {
  size_t mutations = 0;
  size_t seed = 0;
  const Severity severity = Logger::global().severity();
  for (const auto& entry :
       std::filesystem::directory_iterator(TENDON_SOURCE_DIR "/fuzz/corpus/engine")) {
    const std::string text = read_text_file(entry.path().string(), 1 << 20);
    for (int i = 0; i < 40; ++i) {
      SCOPED_TRACE(entry.path().string() + ", seed " + std::to_string(++seed));
      const auto mutated = fuzzing::EngineMutator(seed).mutate(text, 1 << 16);
      if (!mutated) continue;
      mutations += *mutated != text;
      EXPECT_EQ(LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(mutated->data()),
                                       mutated->size()),
                0);
    }
  }
  Logger::global().set_severity(severity);
  EXPECT_GT(mutations, 150u);
}

TEST(EngineMutator, WritesBackWhatItRead) {
  for (const auto& entry :
       std::filesystem::directory_iterator(TENDON_SOURCE_DIR "/fuzz/corpus/engine")) {
    const std::string text = read_text_file(entry.path().string(), 1 << 20);
    EXPECT_EQ(fuzzing::EngineMutator(1).rewritten(text), text) << entry.path();
  }
  EXPECT_FALSE(fuzzing::EngineMutator(1).rewritten("no engine").has_value());
}

}  // namespace
}  // namespace tendon
