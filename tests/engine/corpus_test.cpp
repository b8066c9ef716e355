// Replays the fuzzer's seeds and past finds with any compiler, and mutations of them.
#include "support/corpus.h"

#include <gtest/gtest.h>

#define TENDON_REPLAY
#include "../../fuzz/engine_fuzz.cpp"

namespace tendon {
namespace {

TEST(EngineCorpus, Replays) { testing::replay_corpus("engine", LLVMFuzzerTestOneInput); }

TEST(EngineCorpus, MutatedFilesKeepThePromise) {
  testing::replay_mutations<fuzzing::EngineMutator>("engine", 40, 150, LLVMFuzzerTestOneInput);
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
