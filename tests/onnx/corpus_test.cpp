// Replays the fuzzer's seeds and past finds with any compiler.
#include <gtest/gtest.h>

#include <filesystem>

#include "../../fuzz/onnx_fuzz.cpp"
#include "base/file.h"

namespace tendon {
namespace {

TEST(OnnxCorpus, Replays) {
  size_t files = 0;
  const Severity severity = Logger::global().severity();
  for (const auto& entry :
       std::filesystem::directory_iterator(TENDON_SOURCE_DIR "/fuzz/corpus/onnx")) {
    SCOPED_TRACE(entry.path().string());
    const auto file = MappedFile::open(entry.path().string());
    const auto* data = reinterpret_cast<const uint8_t*>(file->bytes().data());
    EXPECT_EQ(LLVMFuzzerTestOneInput(data, file->bytes().size()), 0);
    ++files;
  }
  Logger::global().set_severity(severity);
  EXPECT_GE(files, 10u);
}

}  // namespace
}  // namespace tendon
