// Replays the fuzzer's seeds and past finds with any compiler, and mutations of them.
#include "support/corpus.h"

#include <gtest/gtest.h>

#define TENDON_REPLAY
#include "../../fuzz/onnx_fuzz.cpp"

namespace tendon {
namespace {

TEST(OnnxCorpus, Replays) { testing::replay_corpus("onnx", LLVMFuzzerTestOneInput); }

TEST(OnnxCorpus, MutatedMessagesKeepThePromise) {
  testing::replay_mutations<fuzzing::WireMutator>("onnx", 60, 500, LLVMFuzzerTestOneInput);
}

TEST(WireMutator, WritesBackWhatItRead) {
  for (const auto& entry :
       std::filesystem::directory_iterator(TENDON_SOURCE_DIR "/fuzz/corpus/onnx")) {
    const std::string text = read_text_file(entry.path().string(), 1 << 20);
    const auto fields = fuzzing::parse_wire(text);
    if (!fields) continue;
    EXPECT_EQ(fuzzing::wire_text(*fields), text) << entry.path();
  }
  EXPECT_FALSE(fuzzing::parse_wire("\xff\xff").has_value());
}

}  // namespace
}  // namespace tendon
