#include <set>

#include "data/episode_files.h"
#include "support/files.h"
#include "tendon/data.h"

namespace tendon {
namespace {

using testing::expect_bad_input;
using testing::expect_error;
using testing::TempDir;
using testing::write_episode;

class ObservationsTest : public ::testing::Test {
 protected:
  ObservationsTest() {
    write_episode(folder / "episode_0.hdf5", {.steps = 10});
    write_episode(folder / "episode_1.hdf5", {.steps = 20});
    dataset.emplace(folder.path().string(), EpisodicOptions{.cameras = {"top", "left"}});
    stats = get_norm_stats(*dataset);
  }
  Observations observe(ObservationOptions options) {
    return observations(*dataset, stats, std::move(options));
  }

  TempDir folder;
  std::optional<EpisodicDataset> dataset;
  NormStats stats;
};

TEST_F(ObservationsTest, AreThePolicysInputs) {
  const Observations range = observe({.frames = 3});
  EXPECT_EQ(range.size(), 3);
  size_t count = 0;
  for (const Observation& observation : range) {
    ASSERT_EQ(observation.frames.size(), 1u);
    EXPECT_EQ(observation.frames[0], range.frames()[count++]);
    const auto [episode, step] = observation.frames[0];
    const Sample sample = dataset->open(episode).sample(step, stats);
    const Tensor& image = observation.inputs.at("image");
    const Tensor& qpos = observation.inputs.at("qpos");
    EXPECT_EQ(image.type(), (TensorType{DataType::kFloat32, {1, 2, 3, 16, 32}}));
    EXPECT_EQ(qpos.type(), (TensorType{DataType::kFloat32, {1, 3}}));
    EXPECT_EQ(to_doubles(image), to_doubles(sample.image));
    EXPECT_EQ(to_doubles(qpos), to_doubles(sample.qpos));
  }
  EXPECT_EQ(count, 3u);
}

TEST_F(ObservationsTest, MayBeAsRecorded) {
  const Observations range =
      observe({.frames = 2, .batch = 2, .raw_units = true, .raw_images = true});
  const Observation observation = *range.begin();
  const Tensor& image = observation.inputs.at("image");
  const Tensor& qpos = observation.inputs.at("qpos");
  EXPECT_EQ(image.type(), (TensorType{DataType::kUInt8, {2, 2, 16, 32, 3}}));
  const auto pixels = image.data<uint8_t>();
  for (size_t i = 0; i < 2; ++i) {
    const auto [episode, step] = observation.frames[i];
    const Tensor frame = dataset->open(episode).frame(step);
    const auto planes = frame.data<uint8_t>();
    for (size_t at = 0; at < planes.size(); ++at) {
      const size_t camera = at / (3 * 16 * 32), color = at / (16 * 32) % 3, point = at % (16 * 32);
      ASSERT_EQ(pixels[((i * 2 + camera) * 16 * 32 + point) * 3 + color], planes[at]);
    }
    const Tensor track = dataset->open(episode).qpos();
    const auto recorded = track.data<float>();
    for (size_t joint = 0; joint < 3; ++joint) {
      EXPECT_EQ(qpos.data<float>()[i * 3 + joint], recorded[static_cast<size_t>(step) * 3 + joint]);
    }
  }
}

TEST_F(ObservationsTest, SpreadEvenlyOverAllEpisodes) {
  EXPECT_EQ(observe({.frames = 3}).frames(), (std::vector<FrameId>{{0, 5}, {1, 5}, {1, 15}}));
  EXPECT_EQ(observe({}).frames().size(), 30u);
  EXPECT_EQ(observe({.frames = 30}).frames().back(), (FrameId{1, 19}));
  EXPECT_EQ(observe({.stride = 8}).frames(),
            (std::vector<FrameId>{{0, 0}, {0, 8}, {1, 0}, {1, 8}, {1, 16}}));
  EXPECT_EQ(observe({.frames = 2, .episodes = {1}}).frames(),
            (std::vector<FrameId>{{1, 5}, {1, 15}}));
}

TEST_F(ObservationsTest, BatchesHoldConsecutiveFramesAndTheLastMayBeShort) {
  const Observations range = observe({.frames = 5, .batch = 2});
  EXPECT_EQ(range.size(), 3);
  std::vector<int64_t> sizes;
  for (const Observation& observation : range) {
    sizes.push_back(observation.inputs.at("image").shape()[0]);
    EXPECT_EQ(observation.inputs.at("qpos").shape()[0], sizes.back());
    EXPECT_EQ(static_cast<int64_t>(observation.frames.size()), sizes.back());
  }
  EXPECT_EQ(sizes, (std::vector<int64_t>{2, 2, 1}));
}

TEST_F(ObservationsTest, ImagesAreFilledAgainUnlessSomebodyHoldsThem) {
  std::set<const void*> places;
  std::vector<Tensor> kept;
  std::vector<Tensor> copies;
  const Observations range = observe({.prefetch = 1});
  for (const Observation& observation : range) {
    const Tensor& image = observation.inputs.at("image");
    places.insert(image.raw());
    if (kept.size() < 3) {
      kept.push_back(image);
      const auto values = image.data<float>();
      copies.push_back(
          Tensor::from(image.shape(), std::vector<float>(values.begin(), values.end())));
    }
  }
  EXPECT_EQ(kept, copies);
  // Those kept, and of the others one each that is read, waits and is used; now and then one comes
  // back when a spare is there already, and another is made later.
  ASSERT_GT(range.size(), 12);
  EXPECT_LT(static_cast<int64_t>(places.size()), 3 + range.size() / 2);
}

TEST_F(ObservationsTest, CanBeReadAgainAndLeftEarly) {
  const Observations range = observe({.prefetch = 1});
  for (int round = 0; round < 3; ++round) {
    int seen = 0;
    for (const Observation& observation : range) {
      EXPECT_EQ(observation.frames[0], range.frames()[static_cast<size_t>(seen)]);
      if (++seen == 4) break;
    }
    EXPECT_EQ(seen, 4);
  }
}

TEST_F(ObservationsTest, ErrorsOfTheThreadReachTheCaller) {
  write_episode(folder / "episode_1.hdf5", {.steps = 20, .cameras = {"top"}});
  const Observations range = observe({});
  int seen = 0;
  expect_bad_input({"episode_1.hdf5", "no camera 'left'"}, [&] {
    for (const Observation& observation : range) {
      EXPECT_EQ(observation.frames[0].episode, 0);
      ++seen;
    }
  });
  EXPECT_EQ(seen, 10);
}

TEST_F(ObservationsTest, RefusesWrongUse) {
  expect_error(ErrorKind::kUsage, {"31 frames wanted", "have 30"},
               [&] { observe({.frames = 31}); });
  expect_error(ErrorKind::kUsage, {"episode 2 is outside 0..1"},
               [&] { observe({.episodes = {2}}); });
  expect_error(ErrorKind::kUsage, {"stride 0"}, [&] { observe({.stride = 0}); });
  expect_error(ErrorKind::kUsage, {"batch 0"}, [&] { observe({.batch = 0}); });
  stats.qpos_mean.push_back(0);
  expect_bad_input({"3 joints", "another robot"}, [&] { observe({}); });
}

/// An episode of 6 steps whose step 2 has a joint that is NaN.
void write_bad_step(const std::string& path) {
  const testing::EpisodeSpec spec;
  testing::Hdf5Writer file(path);
  std::vector<float> positions = testing::track_of(spec, 0);
  positions[2 * 3 + 1] = std::nanf("");
  file.dataset("observations/qpos", {6, 3}, positions);
  file.dataset("action", {6, 3}, testing::track_of(spec, 100));
  for (size_t camera = 0; camera < 2; ++camera) testing::write_camera(file, spec, camera);
}

TEST_F(ObservationsTest, BadFramesAreReportedWhereTheyAreAskedFor) {
  const TempDir other;
  write_bad_step(other / "episode_0.hdf5");
  expect_bad_input({"step 2, joint 1 is nan"},
                   [&] { EpisodicDataset(other.path().string(), {.cameras = {"top"}}); });
  const EpisodicDataset bad(other.path().string(), {.cameras = {"top"}, .allow_bad_steps = true});
  std::vector<int64_t> good;
  std::vector<std::string> errors;
  for (const Observation& seen : observations(bad, stats, {.report_bad = true, .batch = 4})) {
    if (!seen.error.empty()) {
      EXPECT_EQ(seen.frames, (std::vector<FrameId>{{0, 2}}));
      EXPECT_TRUE(seen.inputs.empty());
      errors.push_back(seen.error);
    } else {
      for (const FrameId id : seen.frames) good.push_back(id.step);
    }
  }
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_THAT(errors[0], ::testing::HasSubstr("step 2, joint 1 is nan"));
  EXPECT_EQ(good, (std::vector<int64_t>{0, 1, 3, 4, 5}));
  expect_bad_input({"step 2, joint 1"}, [&] {
    for ([[maybe_unused]] const Observation& seen : observations(bad, stats)) {
    }
  });
}

}  // namespace
}  // namespace tendon
