// Replays the fuzzer's seeds and past finds with any compiler.
#include "support/corpus.h"

#include <gtest/gtest.h>

#include "../../fuzz/onnx_fuzz.cpp"

namespace tendon {
namespace {

TEST(OnnxCorpus, Replays) { testing::replay_corpus("onnx", LLVMFuzzerTestOneInput); }

}  // namespace
}  // namespace tendon
