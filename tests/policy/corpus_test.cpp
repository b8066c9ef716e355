// Replays the fuzzers' seeds and past finds with any compiler.
#include <gtest/gtest.h>

#include <filesystem>

#define LLVMFuzzerTestOneInput fuzz_torch
#include "../../fuzz/torch_fuzz.cpp"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_safetensors
#include "../../fuzz/safetensors_fuzz.cpp"
#undef LLVMFuzzerTestOneInput

#include "base/file.h"

namespace tendon {
namespace {

size_t replay(const std::string& corpus, int (*target)(const uint8_t*, size_t)) {
  size_t files = 0;
  const Severity severity = Logger::global().severity();
  for (const auto& entry :
       std::filesystem::directory_iterator(TENDON_SOURCE_DIR "/fuzz/corpus/" + corpus)) {
    SCOPED_TRACE(entry.path().string());
    const auto file = MappedFile::open(entry.path().string());
    const auto* data = reinterpret_cast<const uint8_t*>(file->bytes().data());
    EXPECT_EQ(target(data, file->bytes().size()), 0);
    ++files;
  }
  Logger::global().set_severity(severity);
  return files;
}

TEST(PolicyCorpus, Replays) {
  EXPECT_GE(replay("torch", fuzz_torch), 5u);
  EXPECT_GE(replay("safetensors", fuzz_safetensors), 5u);
}

/// The seeds are worth something only if some of them reach the network.
TEST(PolicyCorpus, SeedsReachTheNetwork) {
  const std::string corpus = TENDON_SOURCE_DIR "/fuzz/corpus/";
  for (const StateDict& weights : {load_torch_checkpoint(corpus + "torch/act.ckpt"),
                                   load_safetensors(corpus + "safetensors/act.safetensors"),
                                   load_safetensors(corpus + "safetensors/blind.safetensors")}) {
    EXPECT_NO_THROW(fuzz::check_policy(weights)) << weights.source();
  }
}

}  // namespace
}  // namespace tendon
