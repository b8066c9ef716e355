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

TEST(Docs, RunOnBuffers) {
  Engine engine = engine_from_network(network_from_onnx_path(kPolicy));
  const TensorMap recorded = recorded_inputs().front();
  const Tensor& qpos = recorded.at("qpos");
  const Tensor& image = recorded.at("image");
  const auto prepare_next_step = [] {};

  EngineRunner runner(engine);
  runner.activate();

  Tensor action(DataType::kFloat32, {1, 100, 14});
  Inference inference =
      runner.infer_async({{"qpos", Buffer::of(qpos)}, {"image", Buffer::of(image)}},
                         {{"action", Buffer::into(action)}});
  prepare_next_step();
  inference.wait();
  EXPECT_EQ(action, runner.infer(recorded).at("action"));

  [[maybe_unused]] const auto on_a_gpu = [&](void* qpos_address, void* action_address, void* stream,
                                             dlpack::DLManagedTensor* managed_tensor) {
    const BufferMap inputs{{"qpos", Buffer::cuda(DataType::kFloat32, {1, 14}, qpos_address)},
                           {"image", buffer_from_dlpack(managed_tensor)}};
    const BufferMap outputs{
        {"action", Buffer::cuda(DataType::kFloat32, {1, 100, 14}, action_address)}};
    runner.enqueue(inputs, outputs, {stream});
  };
}

TEST(Docs, Calibrate) {
  EpisodicDataset episodes(kEpisodes, {.cameras = {"top", "left_wrist", "right_wrist"}});
  NormStats stats = NormStats::load(kStats);

  Calibrator calibrator(observations(episodes, stats, {.frames = 2}),
                        {.cache = "", .algorithm = CalibrationAlgorithm::kEntropy2});
  const Calibration& calibration = calibrator.calibrate(network_from_onnx_path(kPolicy));
  EXPECT_NEAR(calibration.ranges().at("image").amax, 1, 1e-6);
  EXPECT_TRUE(calibration.ranges().at("image").byte_exact);
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

TEST(Docs, ReportOnTwoEngines) {
  const std::string path = ::testing::TempDir() + "tendon-docs-report.html";
  Network network = network_from_onnx_path(kPolicy);
  EngineRunner fp32(engine_from_network(network), "fp32");
  EngineRunner int8(engine_from_network(network), "int8");
  const auto fp32_scope = fp32.scope();
  const auto int8_scope = int8.scope();

  EpisodicDataset episodes(kEpisodes, {.cameras = {"top", "left_wrist", "right_wrist"}});
  NormStats stats = NormStats::load(kStats);
  Observations frames = observations(episodes, stats, {.frames = 2});

  PolicyComparator comparator({fp32.name(), int8.name()}, stats);
  comparator.follow(episodes, frames.frames());
  Comparator::stream({&fp32, &int8}, frames,
                     [&](const TensorMap& inputs, std::span<const IterationResult> results) {
                       comparator.add(inputs, results);
                       return true;
                     });
  ComparisonReport report;
  report.runners = {describe_runner(fp32), describe_runner(int8)};
  report.policy = comparator.finish();
  report.limits = {action_limit_from_text("*:p99=0.01")};
  report.exceeded = check_limits(*report.policy, report.limits);
  report.passed = report.exceeded.empty();
  save_report(report, path);
  EXPECT_TRUE(report.passed);
  EXPECT_GT(std::filesystem::file_size(path), 10000u);
  std::filesystem::remove(path);
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
