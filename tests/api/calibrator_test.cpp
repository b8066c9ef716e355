// Calibrating a small ACT policy: the same bytes whatever way the frames come, and every bad input
// under its own message.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tendon/calibrator.h>
#include <tendon/loaders.h>

#include <algorithm>
#include <limits>

#include "api/network_impl.h"
#include "quant/calibration_json.h"
#include "support/files.h"
#include "support/graphs.h"
#include "support/networks.h"

namespace tendon {
namespace {

using testing::expect_bad_input;
using ::testing::HasSubstr;
using testing::LogCapture;
using testing::TempDir;

Network policy() {
  return network_from_onnx_path(TENDON_SOURCE_DIR "/tests/models/act_opset17.onnx");
}

TensorMap frame(uint64_t seed) {
  static const std::vector<TensorInfo> all = policy().inputs();
  TensorMap inputs;
  for (const TensorInfo& input : all) {
    Shape shape;
    for (const Axis& axis : input.axes) shape.push_back(axis.min);
    inputs[input.name] = testing::random_tensor(shape, seed++);
  }
  return inputs;
}

std::vector<TensorMap> frames(uint64_t count = 6) {
  std::vector<TensorMap> all;
  for (uint64_t i = 0; i < count; ++i) all.push_back(frame(10 * i + 1));
  return all;
}

/// Frames stacked along the first axis.
TensorMap stacked(const std::vector<TensorMap>& all) {
  TensorMap result;
  for (const auto& [name, tensor] : all.front()) {
    Shape shape = tensor.shape();
    shape[0] = static_cast<int64_t>(all.size());
    Tensor joined(tensor.dtype(), shape);
    auto to = joined.mutable_data<float>().begin();
    for (const TensorMap& one : all) to = std::ranges::copy(one.at(name).data<float>(), to).out;
    result[name] = joined;
  }
  return result;
}

/// The text and the JSON that saving gives.
std::pair<std::string, std::string> bytes_of(const Calibration& calibration) {
  const TempDir folder;
  calibration.save(folder / "x");
  return {testing::read_text(folder / "x"), testing::read_text(folder / "x.json")};
}

Calibration calibrated(std::vector<TensorMap> data, CalibratorOptions options = {}) {
  return Calibrator(std::move(data), std::move(options)).run(policy());
}

TEST(Calibrator, FindsARangeForEveryValueThatInt8MayNeed) {
  const Calibration calibration = calibrated(frames());
  EXPECT_GT(calibration.ranges().size(), 20u);
  for (const auto& [name, range] : calibration.ranges()) {
    EXPECT_GT(range.amax, 0) << name;
    EXPECT_LE(range.min, range.max) << name;
  }
  const TensorRange& qpos = calibration.ranges().at("qpos");
  double least = 0;
  for (const TensorMap& inputs : frames()) {
    for (const float x : inputs.at("qpos").data<float>())
      least = std::min(least, static_cast<double>(x));
  }
  EXPECT_EQ(qpos.min, least);
  EXPECT_EQ(calibration.info().frames, 6);
  EXPECT_EQ(calibration.info().model_sha256.size(), 64u);
}

TEST(Calibrator, OrderAndBatchesChangeNoByte) {
  const std::vector<TensorMap> all = frames();
  const auto expected = bytes_of(calibrated(all));
  std::vector<TensorMap> shuffled = {all[3], all[0], all[5], all[4], all[1], all[2]};
  EXPECT_EQ(bytes_of(calibrated(shuffled)), expected);
  EXPECT_EQ(
      bytes_of(calibrated({stacked({all[0], all[1], all[2], all[3]}), stacked({all[4], all[5]})},
                          {.batch_size = 4})),
      expected);
  EXPECT_EQ(bytes_of(calibrated({stacked(all)})), expected);
}

TEST(Calibrator, ShardsChangeNoByte) {
  const auto expected = bytes_of(calibrated(frames()));
  for (const int64_t count : {2, 3, 7}) {
    std::vector<Calibration> parts;
    for (int64_t number = count; number >= 1; --number) {
      parts.push_back(calibrated(frames(), {.shard = {number, count}}));
    }
    EXPECT_EQ(bytes_of(Calibration::merge(parts)), expected) << count;
  }
}

/// Ends a run after some frames, as a signal would.
struct Killed {};
void run_and_kill(const std::vector<TensorMap>& data, CalibratorOptions options, int64_t after) {
  options.on_frame = [after](const CalibratedFrame& frame) {
    if (frame.done == after) throw Killed();
  };
  EXPECT_THROW(Calibrator(data, options).run(policy()), Killed);
}

TEST(Calibrator, AKilledRunGoesOnFromItsJournal) {
  const TempDir folder;
  const auto expected = bytes_of(calibrated(frames()));
  CalibratorOptions options{.cache = folder / "p.cache", .checkpoint_every = 2};
  run_and_kill(frames(), options, 3);
  EXPECT_TRUE(std::filesystem::exists(folder / "p.cache.journal"));
  EXPECT_FALSE(std::filesystem::exists(folder / "p.cache"));
  std::vector<TensorMap> backwards = frames();
  std::ranges::reverse(backwards);
  run_and_kill(backwards, options, 5);
  int64_t runs = 0;
  options.on_frame = [&](const CalibratedFrame&) { ++runs; };
  const LogCapture log;
  const Calibration resumed = Calibrator(frames(), options).run(policy());
  EXPECT_EQ(bytes_of(resumed), expected);
  EXPECT_THAT(log.text(), HasSubstr("4 frame(s) are done"));
  EXPECT_EQ(runs, 2) << "done frames do not run again";
  EXPECT_FALSE(std::filesystem::exists(folder / "p.cache.journal"));
  EXPECT_EQ(testing::read_text(folder / "p.cache"), expected.first);
  EXPECT_EQ(testing::read_text(folder / "p.cache.json"), expected.second);
}

TEST(Calibrator, AJournalOfOtherFramesOrDamagedIsNotUsed) {
  const TempDir folder;
  CalibratorOptions options{.cache = folder / "p.cache", .checkpoint_every = 1};
  const std::vector<TensorMap> few = {frame(1), frame(11)};
  const auto expected = bytes_of(calibrated(few));
  run_and_kill(frames(), options, 4);
  {
    const LogCapture log;
    EXPECT_EQ(bytes_of(Calibrator(few, options).run(policy())), expected);
    EXPECT_THAT(log.text(), HasSubstr("that this data does not have"));
  }
  run_and_kill(few, options, 1);
  testing::write_text(folder / "p.cache.journal", "{\"format\": 1}");
  EXPECT_EQ(bytes_of(Calibrator(few, options).run(policy())), expected);
}

TEST(Calibrator, MemoryThenCacheThenARun) {
  const TempDir folder;
  const CalibratorOptions options{.cache = folder / "p.cache"};
  const Network network = policy();
  LogCapture log;
  Calibrator first(frames(), options);
  const Ranges ranges = first.calibrate(network).ranges();
  EXPECT_EQ(first.calibrate(network).ranges(), ranges);
  EXPECT_THAT(log.text(), HasSubstr("Created calibrator [cache=" + (folder / "p.cache") + "]"));
  EXPECT_THAT(log.text(), HasSubstr("Saving calibration cache to"));
  EXPECT_THAT(log.text(), HasSubstr("Using calibration profile: {image [min="));
  EXPECT_THAT(log.text(), ::testing::Not(HasSubstr("Loading calibration cache")));
  Calibrator second(std::vector<TensorMap>{}, options);
  EXPECT_EQ(second.calibrate(network).ranges(), ranges) << "the cache needs no data";
  EXPECT_THAT(log.text(), HasSubstr("Loading calibration cache from"));
}

TEST(Calibrator, ACacheThatDoesNotFitIsRefusedByName) {
  const TempDir folder;
  const std::string path = folder / "p.cache";
  Calibrator(frames(2), {.cache = path}).calibrate(policy());
  const auto load = [&](CalibratorOptions options, const Network& network) {
    options.cache = path;
    Calibrator(frames(2), options).calibrate(network);
  };
  const Network other = network_from_onnx_path(TENDON_SOURCE_DIR "/tests/models/act_opset13.onnx");
  expect_bad_input({"of another model", "calibrate this model"}, [&] { load({}, other); });
  expect_bad_input({"another algorithm: entropy2 instead of minmax"},
                   [&] { load({.algorithm = CalibrationAlgorithm::kMinMax}, policy()); });
  const LogCapture log;
  load({.algorithm = CalibrationAlgorithm::kMinMax, .force = true}, other);
  EXPECT_THAT(log.text(), HasSubstr("of another model"));
  EXPECT_THAT(log.text(), HasSubstr("another algorithm"));
  testing::write_text(path, "");
  expect_bad_input({path, "the file is empty"}, [&] { load({}, policy()); });
}

TEST(Calibrator, NoFrames) {
  expect_bad_input({"Calibrator data loader provided no data.", "generators cannot be rewound"},
                   [] { calibrated({}); });
}

TEST(Calibrator, EqualFrames) {
  const std::vector<TensorMap> equal = {frame(1), frame(1), frame(1)};
  expect_bad_input({"all 3 frames are equal", "camera"}, [&] { calibrated(equal); });
  EXPECT_EQ(calibrated(equal, {.force = true}).info().frames, 3);
  EXPECT_EQ(calibrated({frame(1)}).info().frames, 1) << "one frame alone was asked for";
}

TEST(Calibrator, BadFramesEndTheRunOrAreListed) {
  std::vector<TensorMap> data = frames();
  const auto expected = bytes_of(calibrated({data[0], data[3], data[5]}));
  data[1].at("image").mutable_data<float>()[5] = std::numeric_limits<float>::quiet_NaN();
  data[2].erase("qpos");
  data[4]["image"] = Tensor(DataType::kFloat32, {1, 2, 3});
  expect_bad_input({"item 1", "input 'image' is nan at (0, 0, ", "skip_bad"},
                   [&] { calibrated(data); });
  expect_bad_input({"item 4", "input 'image' has shape (1, 2, 3)", "bad frame 3, 2 were allowed"},
                   [&] { calibrated(data, {.skip_bad = 2}); });
  const Calibration some = calibrated(data, {.skip_bad = 3});
  ASSERT_EQ(some.info().bad_frames.size(), 3u);
  EXPECT_EQ(some.info().bad_frames[0].place, "item 1");
  EXPECT_THAT(some.info().bad_frames[1].reason, HasSubstr("input 'qpos' is missing"));
  EXPECT_EQ(bytes_of(some).first, expected.first) << "a bad frame leaves no trace";
}

TEST(Calibrator, BadFramesOfPartsAreListedOnce) {
  std::vector<TensorMap> data = frames();
  data[2].erase("qpos");
  const auto whole = bytes_of(calibrated(data, {.skip_bad = 1}));
  std::vector<Calibration> parts;
  for (int64_t number = 1; number <= 2; ++number) {
    parts.push_back(calibrated(data, {.skip_bad = 1, .shard = {number, 2}}));
  }
  EXPECT_EQ(bytes_of(Calibration::merge(parts)), whole);
}

TEST(Calibrator, OtherNamesTypesAndSizes) {
  TensorMap extra = frame(1);
  extra["qvel"] = extra.at("qpos");
  expect_bad_input({"the network has no input 'qvel'"}, [&] { calibrated({extra}); });
  TensorMap wide = frame(1);
  wide["qpos"] = cast(wide.at("qpos"), DataType::kFloat64);
  expect_bad_input({"input 'qpos' is float64, expected float32"}, [&] { calibrated({wide}); });
  expect_bad_input({"holds 1 frame(s), expected 2"},
                   [] { calibrated(frames(3), {.batch_size = 2}); });
}

TEST(Calibrator, OptionsOutOfRange) {
  const auto refused = [](CalibratorOptions options, std::string_view part) {
    testing::expect_error(ErrorKind::kUsage, {part}, [&] { Calibrator(frames(1), options); });
  };
  refused({.algorithm = CalibrationAlgorithm::kPercentile, .quantile = 0}, "quantile is 0");
  refused({.algorithm = CalibrationAlgorithm::kPercentile, .quantile = 2}, "quantile is 2");
  refused({.shard = {3, 2}}, "3/2");
  refused({.skip_bad = -1}, ".skip_bad -1");
  refused({.held_out = 1}, ".held_out 1");
}

TEST(Calibrator, AQuantisedNetworkHasItsScales) {
  testing::GraphBuilder b;
  const ValueId scale = b.constant(Tensor::scalar(0.1f));
  const ValueId q = b.node(QuantizeLinear{}, {b.input("x", {1, 2}), scale});
  b.output(b.node(DequantizeLinear{}, {q, scale}));
  const Network network = network_from_graph(b.done());
  testing::expect_error(ErrorKind::kUnsupported, {"QuantizeLinear", "explicit precision mode"},
                        [&] { Calibrator(frames(1)).run(network); });
}

TEST(Calibrator, AutoJudgesByHeldOutFrames) {
  const CalibratorOptions options{.algorithm = CalibrationAlgorithm::kAuto, .held_out = 0.5};
  const Calibration whole = calibrated(frames(12), options);
  EXPECT_GT(whole.info().held_out_frames, 0);
  EXPECT_LT(whole.info().held_out_frames, 12);
  const auto expected = bytes_of(whole);
  std::vector<TensorMap> backwards = frames(12);
  std::ranges::reverse(backwards);
  EXPECT_EQ(bytes_of(calibrated(backwards, options)), expected);
  const TempDir folder;
  std::vector<Calibration> parts;
  for (int64_t number = 1; number <= 2; ++number) {
    CalibratorOptions part = options;
    part.shard = {number, 2};
    calibrated(frames(12), part).save(folder / "part");
    parts.push_back(Calibration::load_part(folder / "part"));
  }
  EXPECT_EQ(bytes_of(merge_calibrations(parts, policy())), expected);
  testing::expect_error(ErrorKind::kUsage, {"'auto'", "give the model"},
                        [&] { Calibration::merge(parts); });
  CalibratorOptions killed = options;
  killed.cache = folder / "p.cache";
  killed.checkpoint_every = 1;
  run_and_kill(frames(12), killed, 7);
  EXPECT_EQ(bytes_of(Calibrator(frames(12), killed).run(policy())), expected);
}

TEST(Calibrator, AutoWithoutHeldOutFramesSaysSoAndTakesTheLeastSquares) {
  const LogCapture log;
  const Calibration automatic =
      calibrated(frames(1), {.algorithm = CalibrationAlgorithm::kAuto, .held_out = 1e-9});
  EXPECT_THAT(log.text(), HasSubstr("None of the 1 frames was held out"));
  EXPECT_EQ(automatic.ranges(),
            calibrated(frames(1), {.algorithm = CalibrationAlgorithm::kMse}).ranges());
}

}  // namespace
}  // namespace tendon
