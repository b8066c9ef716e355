#include <cmath>
#include <limits>

#include "base/byte_reader.h"
#include "data/episode_files.h"
#include "support/files.h"
#include "tendon/data.h"

namespace tendon {
namespace {

using testing::expect_bad_input;
using testing::source_path;
using testing::TempDir;
using testing::write_episode;

NormStats parse(std::string_view text) { return NormStats::parse(bytes_of(text), "stats"); }

TEST(NormStats, ReadsTheBundledPickle) {
  const NormStats stats = NormStats::load(source_path("examples/transfer_cube/dataset_stats.pkl"));
  EXPECT_EQ(stats.joint_count(), 14);
  EXPECT_EQ(stats.action_count(), 14);
  EXPECT_EQ(stats.example_qpos.shape(), (Shape{400, 14}));
  EXPECT_FLOAT_EQ(stats.qpos_std[0], 0.01f);
  EXPECT_FLOAT_EQ(stats.example_qpos.data<float>()[1], -0.96f);
  EXPECT_TRUE(stats.action_min.empty());
}

TEST(NormStats, JsonKeepsEveryBit) {
  const TempDir folder;
  NormStats stats = NormStats::load(source_path("examples/transfer_cube/dataset_stats.pkl"));
  stats.action_min = stats.action_mean;
  stats.save(folder / "stats.json");
  const NormStats loaded = NormStats::load(folder / "stats.json");
  EXPECT_EQ(loaded.qpos_mean, stats.qpos_mean);
  EXPECT_EQ(loaded.qpos_std, stats.qpos_std);
  EXPECT_EQ(loaded.action_mean, stats.action_mean);
  EXPECT_EQ(loaded.action_std, stats.action_std);
  EXPECT_EQ(loaded.action_min, stats.action_min);
  EXPECT_EQ(to_doubles(loaded.example_qpos), to_doubles(stats.example_qpos));
}

TEST(NormStats, RefusesBadFiles) {
  const auto json = [](std::string_view mean, std::string_view std, std::string_view more = "") {
    return fmt::format(
        R"({{"qpos_mean": {}, "qpos_std": {}, "action_mean": [1], "action_std": [1]{}}})", mean,
        std, more);
  };
  const struct {
    std::string title;
    std::string text;
    std::initializer_list<std::string_view> parts;
  } cases[] = {
      {"empty", "", {"stats", "neither a binary pickle nor JSON"}},
      {"foreign", "PK\3\4", {"stats", "neither a binary pickle nor JSON"}},
      {"pickled list", "\x80\x04].", {"stats", "holds a list", "dictionary"}},
      {"pickled nothing", "\x80\x04}.", {"stats", "no 'qpos_mean'"}},
      {"pickled number", "\x80\x04}\x8c\x09qpos_meanK\x01s.", {"'qpos_mean' is an integer"}},
      {"foreign global",
       "\x80\x02"
       "cos\nsystem\n.",
       {"stats", "os.system", "was not run"}},
      {"missing", R"({"qpos_mean": [1]})", {"stats", "key 'qpos_std' is missing"}},
      {"lengths", json("[1, 2]", "[1]"), {"qpos_mean and qpos_std have 2 and 1 values"}},
      {"no joints", json("[]", "[]"), {"statistics of no joints"}},
      {"zero", json("[1]", "[0]"), {"qpos_std[0] is 0, expected a finite number above 0"}},
      {"overflow", json("[1e39]", "[1]"), {"qpos_mean[0] is inf"}},
      {"text", json("[\"x\"]", "[1]"), {"stats: qpos_mean", "expected a number, found string"}},
      {"no array", json("1", "[1]"), {"stats: qpos_mean", "expected an array"}},
      {"range", json("[1]", "[1]", R"(, "action_min": [1, 2])"), {"action_mean and action_min"}},
      {"example", json("[1]", "[1]", R"(, "example_qpos": [[1, 2]])"), {"a row of 2 values"}},
  };
  for (const auto& test : cases) {
    SCOPED_TRACE(test.title);
    expect_bad_input(test.parts, [&] { parse(test.text); });
  }
}

TEST(NormStats, NormalizesByColumnAndBack) {
  NormStats stats;
  stats.qpos_mean = {1, 2};
  stats.qpos_std = {2, 4};
  stats.action_mean = {10, 20};
  stats.action_std = {0.5f, 0.25f};
  EXPECT_EQ(to_doubles(stats.normalize_qpos(Tensor::from<float>({2, 2}, {1, 2, 3, 6}))),
            (std::vector<double>{0, 0, 1, 1}));
  const Tensor action = Tensor::from<float>({1, 2}, {11, 19});
  const Tensor normalized = stats.normalize_action(action);
  EXPECT_EQ(to_doubles(normalized), (std::vector<double>{2, -4}));
  EXPECT_EQ(to_doubles(stats.denormalize_action(normalized)), to_doubles(action));
  expect_bad_input({"qpos has shape (3,)", "2 values", "another robot"},
                   [&] { stats.normalize_qpos(Tensor(DataType::kFloat32, {3})); });
}

TEST(NormStats, OfEpisodesIsUnbiasedOverAllStepsAndClipped) {
  const TempDir folder;
  write_episode(folder / "episode_0.hdf5", {.steps = 2});
  write_episode(folder / "episode_1.hdf5", {.steps = 3, .offset = 10});
  const EpisodicDataset dataset(folder.path().string(), {.cameras = {"top"}});
  const NormStats stats = get_norm_stats(dataset);
  // Joint 0 takes the values 0, 1, 10, 11, 12.
  EXPECT_FLOAT_EQ(stats.qpos_mean[0], 6.8f);
  EXPECT_FLOAT_EQ(stats.qpos_std[0], static_cast<float>(std::sqrt(134.8 / 4)));
  EXPECT_FLOAT_EQ(stats.action_mean[2], 107.05f);
  EXPECT_FLOAT_EQ(stats.action_min[0], 99.9999f);
  EXPECT_FLOAT_EQ(stats.action_max[0], 112.0001f);
  EXPECT_EQ(stats.example_qpos.shape(), (Shape{3, 3}));
  EXPECT_EQ(stats.example_qpos.data<float>()[0], 10.0f);
}

TEST(NormStats, ClipsTheDeviationOfAJointThatNeverMoves) {
  const TempDir folder;
  write_episode(folder / "episode_0.hdf5", {.steps = 1});
  const NormStats stats =
      get_norm_stats(EpisodicDataset(folder / "episode_0.hdf5", {.cameras = {"top"}}));
  EXPECT_EQ(stats.qpos_std, (std::vector<float>(3, 0.01f)));
}

TEST(NormStats, OfTheBundledEpisodesAgreeWithATwoPassSum) {
  const EpisodicDataset dataset(source_path("examples/transfer_cube/episodes"),
                                {.cameras = {"top"}, .color = ColorOrder::kRgb});
  const NormStats stats = get_norm_stats(dataset);
  for (const int64_t joint : {int64_t{0}, int64_t{3}, int64_t{13}}) {
    std::vector<double> values;
    for (int64_t i = 0; i < dataset.size(); ++i) {
      const Episode episode = dataset.open(i);
      for (int64_t step = 0; step < episode.length(); ++step) {
        values.push_back(episode.qpos().data<float>()[static_cast<size_t>(step * 14 + joint)]);
      }
    }
    const auto count = static_cast<double>(values.size());
    double mean = 0;
    for (const double value : values) mean += value / count;
    double variance = 0;
    for (const double value : values) variance += (value - mean) * (value - mean) / (count - 1);
    EXPECT_NEAR(stats.qpos_mean[static_cast<size_t>(joint)], mean, 1e-6);
    EXPECT_NEAR(stats.qpos_std[static_cast<size_t>(joint)], std::max(std::sqrt(variance), 0.01),
                1e-6);
  }
}

TEST(NormStats, ThoseOfAnotherRobotAreRefused) {
  const TempDir folder;
  write_episode(folder / "episode_0.hdf5");
  const EpisodicDataset dataset(folder.path().string(), {.cameras = {"top"}});
  const NormStats aloha = NormStats::load(source_path("examples/transfer_cube/dataset_stats.pkl"));
  expect_bad_input({"3 joints and 3 actions", "the statistics 14 and 14", "another robot"},
                   [&] { check_stats_fit(aloha, dataset); });
  NormStats mobile = get_norm_stats(dataset);
  mobile.action_mean.resize(5);
  mobile.action_std.resize(5);
  expect_bad_input({"mobile robot", "base actions"}, [&] { check_stats_fit(mobile, dataset); });
}

}  // namespace
}  // namespace tendon
