// The examples of docs/cpp-api.md and docs/from-polygraphy.md, on the bundled policy.
#include <gtest/gtest.h>
#include <tendon/tendon.h>

#include <filesystem>

namespace tendon {
namespace {

const std::string kPolicy = TENDON_SOURCE_DIR "/examples/transfer_cube/policy.onnx";
const std::string kEpisodes = TENDON_SOURCE_DIR "/examples/transfer_cube/episodes";
const std::string kStats = TENDON_SOURCE_DIR "/examples/transfer_cube/dataset_stats.pkl";
const std::string kRecorded = TENDON_SOURCE_DIR "/examples/transfer_cube/reference.npz";

/// The inputs that the recorded actions belong to: images as training saw them.
std::vector<TensorMap> recorded_inputs() {
  const TensorMap recorded = tensor_maps_from_path(kRecorded).front();
  std::vector<TensorMap> inputs =
      unstack({{"qpos", recorded.at("qpos")}, {"image", recorded.at("image")}});
  for (TensorMap& input : inputs) {
    Tensor image = cast(input.at("image"), DataType::kFloat32);
    for (float& pixel : image.mutable_data<float>()) pixel /= 255.0f;
    input["image"] = image;
  }
  return inputs;
}

TEST(Docs, LazyOrImmediate) {
  auto build_engine = EngineFromNetwork(NetworkFromOnnxPath(kPolicy));
  Engine engine = engine_from_network(network_from_onnx_path(kPolicy));

  EXPECT_EQ(build_engine().layers().size(), engine.layers().size());
}

TEST(Docs, ExportFromACheckpoint) {
  const std::string checkpoint = TENDON_SOURCE_DIR "/tests/models/checkpoints/original/policy.ckpt";
  Network network = network_from_checkpoint(
      checkpoint, {.cameras = {"top", "left", "right"}, .height = 34, .width = 70});
  const std::string path = (std::filesystem::temp_directory_path() / "docs_policy.onnx").string();
  save_onnx(network, path, {.opset = 17});
  EXPECT_EQ(network_from_onnx_path(path).outputs()[0].name, "action");
  std::filesystem::remove(path);
}

TEST(Docs, RunOnAnEpisode) {
  EpisodicDataset episodes(kEpisodes, {.cameras = {"top", "left_wrist", "right_wrist"}});
  NormStats stats = NormStats::load(kStats);

  EngineRunner runner(EngineFromNetwork(NetworkFromOnnxPath(kPolicy)));
  const auto scope = runner.scope();
  for (const Observation& observation : observations(episodes, stats, {.frames = 2})) {
    const TensorMap& out = runner.infer_view(observation.inputs);
    Tensor action = stats.denormalize_action(out.at("action"));
    EXPECT_EQ(action.shape(), Shape({1, 100, 14}));
  }
}

TEST(Docs, CompareWithRecordedOutputs) {
  const Tensor recorded = tensor_maps_from_path(kRecorded).front().at("action");
  ReplayRunner pytorch(unstack({{"action", recorded}}), "pytorch");
  EngineRunner engine(EngineFromNetwork(NetworkFromOnnxPath(kPolicy)), "engine");

  RunResults results = Comparator::run({&pytorch, &engine}, recorded_inputs(), {.warm_up = 1});
  AccuracyResult verdict =
      Comparator::compare_accuracy(results, CompareFunc::simple({.atol = 2e-5}));
  EXPECT_TRUE(verdict) << "largest difference " << verdict.pairs[0].worst("action", "max_absdiff");
  EXPECT_TRUE(Comparator::validate(results));

  ActionComparison actions = compare_actions(results, NormStats::load(kStats));
  EXPECT_LT(actions.overall.max, 2e-5);
  EXPECT_EQ(actions.joints[6].joint.name, "left_gripper");
  EXPECT_EQ(actions.steps.size(), 100u);
  std::cout << to_table(actions);
}

TEST(Docs, CompareEnginesWithoutHoldingTheirOutputs) {
  Network network = network_from_onnx_path(kPolicy);
  EngineRunner a(engine_from_network(network), "all cores");
  EngineRunner b(engine_from_network(network, create_config({.threads = 1})), "one core");

  AccuracyResult verdict = Comparator::compare_streaming(
      {&a, &b}, DataLoader({.seed = 1, .iterations = 2}), CompareFunc::distance_metrics());
  EXPECT_TRUE(verdict);
}

TEST(Docs, ConfigureABuild) {
  Network network = network_from_onnx_path(kPolicy);
  Profile profile;
  profile.add("qpos", {1, 14}, {1, 14}, {2, 14})
      .add("image", {1, 3, 3, 240, 320}, {1, 3, 3, 240, 320}, {2, 3, 3, 240, 320});
  Engine engine = engine_from_network(
      network, create_config({.device = "cpu", .profile = profile, .threads = 2}));
  EXPECT_EQ(to_string(engine.inputs()[0]), "qpos [dtype=float32, shape=(1..2, 14)]");
}

TEST(Docs, LookInside) {
  Network network = modify_network_outputs(network_from_onnx_path(kPolicy), {kMarkAll});
  EXPECT_GT(network.outputs().size(), 100u);
}

}  // namespace
}  // namespace tendon
