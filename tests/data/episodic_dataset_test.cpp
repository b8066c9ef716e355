#include "base/format.h"
#include "data/episode_files.h"
#include "support/files.h"
#include "tendon/data.h"
#include "tendon/log.h"

namespace tendon {
namespace {

using testing::expect_bad_input;
using testing::expect_error;
using testing::source_path;
using testing::TempDir;
using testing::write_episode;

std::vector<std::string> names_of(const EpisodicDataset& dataset) {
  std::vector<std::string> names;
  for (int64_t i = 0; i < dataset.size(); ++i) names.push_back(dataset.name(i));
  return names;
}

const EpisodicOptions kTop{.cameras = {"top"}};

TEST(EpisodicDataset, SortsByNumber) {
  const TempDir folder;
  for (const int number : {10, 9, 0, 2, 100}) {
    write_episode(folder / fmt::format("episode_{}.hdf5", number), {.steps = 1 + number % 7});
  }
  write_episode(folder / "other.hdf5");
  const EpisodicDataset dataset(folder.path().string(), kTop);
  EXPECT_EQ(names_of(dataset), (std::vector<std::string>{"episode_0", "episode_2", "episode_9",
                                                         "episode_10", "episode_100"}));
  EXPECT_EQ(dataset.length(2), 3);
  EXPECT_EQ(dataset.joint_count(), 3);
  EXPECT_EQ(dataset.frame_shape(), (Shape{1, 3, 16, 32}));
  EXPECT_EQ(dataset.open(3).name(), "episode_10");
  expect_error(ErrorKind::kUsage, {"episode 5 is outside 0..4"}, [&] { dataset.open(5); });
}

TEST(EpisodicDataset, TakesAnyHdf5FileWhenNoneIsNumbered) {
  const TempDir folder;
  std::filesystem::create_directories(folder.path() / "day2");
  write_episode(folder / "day2/pick.hdf5");
  write_episode(folder / "place.hdf5");
  testing::write_text(folder / "place_features.hdf5", "not an episode");
  testing::write_text(folder / "notes.txt", "not an episode");
  EXPECT_EQ(names_of(EpisodicDataset(folder.path().string(), kTop)),
            (std::vector<std::string>{"pick", "place"}));
}

TEST(EpisodicDataset, CamerasOfTheFileAreSaid) {
  const TempDir folder;
  write_episode(folder / "episode_0.hdf5", {.cameras = {"top", "left", "top_depth"}});
  std::string logged;
  Logger::global().set_sink([&](Severity severity, std::string_view line) {
    EXPECT_EQ(severity, Severity::kWarning);
    logged += line;
  });
  const EpisodicDataset dataset(folder.path().string());
  Logger::global().set_sink({});
  EXPECT_EQ(dataset.cameras(), (std::vector<std::string>{"left", "top"}));
  EXPECT_THAT(logged, ::testing::HasSubstr("left, top; the order is part of a policy"));
}

TEST(EpisodicDataset, RefusesWhatDoesNotFit) {
  const TempDir folder;
  const std::string path = folder.path().string();
  expect_bad_input({"holds no episodes"}, [&] { EpisodicDataset(path, kTop); });
  expect_bad_input({"absent", "no such file"}, [&] { EpisodicDataset(folder / "absent", kTop); });
  write_episode(folder / "episode_0.hdf5");
  expect_error(ErrorKind::kUsage, {"camera 'top' is named twice"}, [&] {
    EpisodicDataset(path, {.cameras = {"top", "top"}});
  });
  expect_error(ErrorKind::kUsage, {"'../x'", "no plain name"},
               [&] { EpisodicDataset(path, {.cameras = {"../x"}}); });
  expect_bad_input({"episode_0.hdf5", "no camera 'wrist'", "left, top"},
                   [&] { EpisodicDataset(path, {.cameras = {"wrist"}}); });
  write_episode(folder / "episode_1.hdf5", {.joints = 4});
  expect_bad_input({"episode_1.hdf5: 4 joints", "expected 3", "episode_0.hdf5"},
                   [&] { EpisodicDataset(path, kTop); });
  testing::write_text(folder / "episode_1.hdf5", "not HDF5");
  expect_bad_input({"episode_1.hdf5", "HDF5"}, [&] { EpisodicDataset(path, kTop); });
}

TEST(EpisodicDataset, ReadsTheBundledEpisodes) {
  const EpisodicDataset dataset(source_path("examples/transfer_cube/episodes"),
                                {.cameras = {"top", "left_wrist", "right_wrist"}});
  EXPECT_EQ(names_of(dataset), (std::vector<std::string>{"episode_0", "episode_4"}));
  EXPECT_EQ(dataset.length(0), 400);
  EXPECT_EQ(dataset.joint_count(), 14);
  EXPECT_EQ(dataset.frame_shape(), (Shape{3, 3, 240, 320}));
  const Episode episode = dataset.open(1);
  EXPECT_TRUE(episode.is_sim());
  const Tensor frame = episode.frame(399);
  EXPECT_EQ(frame.shape(), dataset.frame_shape());
}

TEST(ColorOrder, HasNames) {
  EXPECT_EQ(color_order_from_name("bgr"), ColorOrder::kBgr);
  EXPECT_EQ(color_order_from_name("auto"), ColorOrder::kAuto);
  expect_error(ErrorKind::kUsage, {"'grb'", "rgb, bgr or auto"},
               [] { color_order_from_name("grb"); });
}

}  // namespace
}  // namespace tendon
