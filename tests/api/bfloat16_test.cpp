// Bfloat16 engines of the bundled policy: what computes in it, and how near its actions stay.
#include <gmock/gmock.h>
#include <tendon/tendon.h>

#include <cmath>

#include "support/files.h"
#include "support/networks.h"
#include "support/pretend_bfloat16.h"

namespace tendon {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::string kFolder = testing::source_path("examples/transfer_cube/");

Network bundled_policy() { return network_from_onnx_path(kFolder + "policy.onnx"); }

Calibration calibration_of_few_frames() {
  EpisodicDataset episodes(kFolder + "episodes", {.cameras = {"top", "left_wrist", "right_wrist"}});
  NormStats stats = NormStats::load(kFolder + "dataset_stats.pkl");
  Calibrator calibrator(observations(episodes, stats, {.frames = 6}), {.cache = ""});
  return calibrator.calibrate(bundled_policy());
}

/// The largest difference from the recorded actions of the first `count` inputs.
double largest_error(const Engine& engine, int64_t count) {
  const TensorMap recorded = tensor_maps_from_path(kFolder + "reference.npz").front();
  const std::vector<TensorMap> rows = unstack({{"qpos", recorded.at("qpos")},
                                               {"image", recorded.at("image")},
                                               {"action", recorded.at("action")}});
  EngineRunner runner(engine);
  const auto scope = runner.scope();
  double worst = 0;
  for (int64_t i = 0; i < count; ++i) {
    const TensorMap& row = rows[static_cast<size_t>(i)];
    Tensor image = cast(row.at("image"), DataType::kFloat32);
    for (float& pixel : image.mutable_data<float>()) pixel /= 255.0F;
    const Tensor found =
        runner.infer_view({{"qpos", row.at("qpos")}, {"image", image}}).at("action");
    const auto a = found.data<float>(), b = row.at("action").data<float>();
    for (size_t k = 0; k < a.size(); ++k) {
      worst = std::max(worst, static_cast<double>(std::fabs(a[k] - b[k])));
    }
  }
  return worst;
}

std::map<std::string, int> count_layers(const Engine& engine, DataType precision) {
  std::map<std::string, int> counts;
  for (const LayerInfo& layer : engine.layers()) {
    if (layer.precision == precision) ++counts[layer.type];
  }
  return counts;
}

TEST(Bfloat16, ThePolicyComputesInItAndStaysNearItsRecordedActions) {
  const testing::PretendBfloat16 present(true);
  const Engine engine =
      engine_from_network(bundled_policy(), create_config({.bf16 = true, .threads = 2}));
  auto layers = count_layers(engine, DataType::kBFloat16);
  EXPECT_EQ(layers["FusedConv"], 21);
  EXPECT_EQ(layers["Attention"], 4) << "the encoder's";
  auto full = count_layers(engine, DataType::kFloat32);
  EXPECT_EQ(full["FusedConv"], 0);
  EXPECT_EQ(full["LayerNormalization"], 11);
  const double error = largest_error(engine, 4);
  RecordProperty("error", std::to_string(error));
  EXPECT_LT(error, 5e-3);
  EXPECT_GT(error, 2e-4);
}

TEST(Bfloat16, BesideInt8ItTakesAttentionAndProductsThatStayFloating) {
  const Calibration calibration = calibration_of_few_frames();
  const auto build = [&](bool bf16) {
    return engine_from_network(
        bundled_policy(),
        create_config({.int8 = true, .bf16 = bf16, .calibration = calibration, .threads = 2}));
  };
  const Engine int8 = build(false);
  const testing::PretendBfloat16 present(true);
  const Engine mixed = build(true);
  EXPECT_EQ(mixed.int8_layers(), int8.int8_layers());
  auto layers = count_layers(mixed, DataType::kBFloat16);
  EXPECT_EQ(layers["Attention"], 5);
  EXPECT_EQ(layers["FusedMatMul"], 7) << "behind all attentions, and the decoder's k, v";
  EXPECT_EQ(layers["QuantizedLayerNormalization"], 0);
  const double alone = largest_error(int8, 4), both = largest_error(mixed, 4);
  RecordProperty("int8", std::to_string(alone));
  RecordProperty("both", std::to_string(both));
  EXPECT_LT(both, 1.5 * alone);
}

TEST(Bfloat16, AnEngineOfItRunsWhereTheInstructionsLackAndSaysSo) {
  Bytes bytes = [] {
    const testing::PretendBfloat16 present(true);
    return bytes_from_engine(
        engine_from_network(bundled_policy(), create_config({.bf16 = true, .threads = 2})));
  }();
  const testing::PretendBfloat16 absent(false);
  const testing::LogCapture log;
  const Engine engine = engine_from_bytes(bytes);
  EXPECT_THAT(log.text(), HasSubstr("built for bfloat16 arithmetic, but this CPU has no AVX-512"));
  for (const LayerInfo& layer : engine.layers()) {
    EXPECT_THAT(layer.kernel, Not(HasSubstr("reference"))) << layer.name;
  }
  EXPECT_LT(largest_error(engine, 1), 5e-3);
}

}  // namespace
}  // namespace tendon
