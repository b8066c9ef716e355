// Replays the fuzzer's seeds and past finds with any compiler.
#include "support/corpus.h"

#include <gtest/gtest.h>

#include "../../fuzz/engine_fuzz.cpp"

namespace tendon {
namespace {

TEST(EngineCorpus, Replays) { testing::replay_corpus("engine", LLVMFuzzerTestOneInput); }

}  // namespace
}  // namespace tendon
