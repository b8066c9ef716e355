// Engine files that earlier builds wrote still load, run and give PyTorch's actions.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tendon/loaders.h>
#include <tendon/runner.h>

#include "base/npz.h"
#include "engine/file_format.h"
#include "support/files.h"
#include "support/graphs.h"

namespace tendon {
namespace {

struct GoldenFile {
  uint32_t format_version;
  const char* engine;
  /// Its inputs and the action that PyTorch computed from them.
  const char* arrays;
  double tolerance;
};

TEST(GoldenEngine, LoadsAndGivesTheStoredActions) {
  const GoldenFile files[] = {
      {1, "act_opset17_format1.engine", "act_opset17.npz", 2e-5},
      // With --fp16: its weights are rounded.
      {2, "act_opset17_format2.engine", "act_opset17.npz", 1e-3},
      // With packed weights for AVX-512, which other machines pack again.
      {3, "act_opset17_format3.engine", "act_opset17.npz", 2e-5},
  };
  for (const GoldenFile& file : files) {
    SCOPED_TRACE(file.engine);
    TensorMap inputs = load_npz(testing::source_path("tests/models/") + std::string(file.arrays));
    const Tensor expected = inputs.extract("action").mapped();
    EngineRunner runner(
        engine_from_path(testing::source_path("tests/models/") + std::string(file.engine)));
    runner.activate();
    EXPECT_LE(testing::max_abs_difference(runner.infer(inputs).at("action"), expected),
              file.tolerance);
  }
  EXPECT_EQ(std::rbegin(files)->format_version, engine_file::kFormatVersion)
      << "a new format version needs a file of its own: tendon build tests/models/act_opset17.onnx";
}

}  // namespace
}  // namespace tendon
