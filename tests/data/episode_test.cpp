#include <cmath>
#include <functional>
#include <limits>

#include "base/format.h"
#include "data/episode_files.h"
#include "support/files.h"
#include "tendon/data.h"
#include "tendon/log.h"

namespace tendon {
namespace {

using testing::EpisodeSpec;
using testing::expect_bad_input;
using testing::expect_error;
using testing::Hdf5Writer;
using testing::TempDir;
using testing::write_episode;

/// Everything that is logged while it lives.
class CapturedLog {
 public:
  CapturedLog() {
    Logger::global().set_sink([this](Severity, std::string_view line) {
      text_ += line;
      text_ += '\n';
    });
  }
  ~CapturedLog() { Logger::global().set_sink({}); }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

Episode open(const std::string& path, EpisodicOptions options = {.cameras = {"top", "left"}}) {
  return EpisodicDataset(path, std::move(options)).open(0);
}

/// One camera and step of a (k, 3, H, W) frame against the pixels that were written.
double largest_difference(const Tensor& frame, size_t slot, const EpisodeSpec& spec, size_t camera,
                          int64_t step, bool swapped = false) {
  const auto values = frame.data<uint8_t>();
  double largest = 0;
  size_t at = slot * 3 * static_cast<size_t>(spec.height * spec.width);
  for (int plane = 0; plane < 3; ++plane) {
    for (int y = 0; y < spec.height; ++y) {
      for (int x = 0; x < spec.width; ++x) {
        const int color = swapped ? 2 - plane : plane;
        const double wanted = testing::pixel(camera, step, y, x, color);
        largest = std::max(largest, std::abs(wanted - values[at++]));
      }
    }
  }
  return largest;
}

TEST(Episode, RawFramesComeInTheOrderOfTheCameras) {
  const TempDir folder;
  const EpisodeSpec spec;
  write_episode(folder / "e.hdf5", spec);
  const Episode episode = open(folder / "e.hdf5");
  EXPECT_EQ(episode.name(), "e");
  EXPECT_EQ(episode.length(), 6);
  EXPECT_TRUE(episode.is_sim());
  EXPECT_EQ(episode.qpos().type(), (TensorType{DataType::kFloat32, {6, 3}}));
  EXPECT_EQ(episode.action().data<float>()[3 * 2 + 1], 102.125f);
  for (const int64_t step : {0, 3, 5}) {
    const Tensor frame = episode.frame(step);
    EXPECT_EQ(frame.type(), (TensorType{DataType::kUInt8, {2, 3, 16, 32}}));
    EXPECT_EQ(largest_difference(frame, 0, spec, 1, step), 0);
    EXPECT_EQ(largest_difference(frame, 1, spec, 0, step), 0);
  }
  expect_error(ErrorKind::kUsage, {"step 6 is outside 0..5"}, [&] { episode.frame(6); });
}

TEST(Episode, Float64TracksAndIntegerAttributesAreRead) {
  const TempDir folder;
  const EpisodeSpec spec{.joints = 6, .sim = std::nullopt};
  {
    Hdf5Writer file(folder / "e.hdf5");
    write_episode(file, spec);
    file.remove("observations/qpos");
    file.dataset("observations/qpos", {6, 6}, testing::track_of<double>(spec, 0),
                 Hdf5Writer::Storage::kGzip);
  }
  EXPECT_FALSE(open(folder / "e.hdf5").is_sim());
  EXPECT_EQ(open(folder / "e.hdf5").qpos().data<float>()[7], 1.125f);
  {
    const hid_t id = H5Fopen((folder / "e.hdf5").c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
    const hid_t space = H5Screate(H5S_SCALAR);
    const hid_t attribute = H5Acreate2(id, "sim", H5T_STD_I32BE, space, H5P_DEFAULT, H5P_DEFAULT);
    const int32_t value = 1;
    H5Awrite(attribute, H5T_NATIVE_INT32, &value);
    H5Aclose(attribute);
    H5Sclose(space);
    H5Fclose(id);
  }
  EXPECT_TRUE(open(folder / "e.hdf5").is_sim());
}

TEST(Episode, TheOrderOfColorsIsSaidOrFound) {
  const TempDir folder;
  const std::string path = folder / "e.hdf5";
  const struct {
    int quality;
    const char* attribute;
    ColorOrder wanted;
    bool swapped;
    const char* logged;
  } cases[] = {
      {90, nullptr, ColorOrder::kRgb, false, nullptr},
      {50, nullptr, ColorOrder::kRgb, false, nullptr},
      {90, nullptr, ColorOrder::kBgr, true, nullptr},
      {90, nullptr, ColorOrder::kAuto, false, "frames taken as RGB"},
      {50, nullptr, ColorOrder::kAuto, true, "frames taken as BGR"},
      {90, "bgr", ColorOrder::kAuto, true, nullptr},
      {50, "rgb", ColorOrder::kAuto, false, nullptr},
      {50, "bgr", ColorOrder::kRgb, false, nullptr},
  };
  for (const auto& test : cases) {
    SCOPED_TRACE(fmt::format("quality {} attribute {}", test.quality,
                             test.attribute == nullptr ? "none" : test.attribute));
    const EpisodeSpec spec{.is_jpeg = true, .quality = test.quality};
    {
      Hdf5Writer file(path);
      write_episode(file, spec);
      if (test.attribute != nullptr) {
        file.text_attribute("color_order", test.attribute, test.quality == 90);
      }
    }
    const CapturedLog log;
    const Episode episode = open(path, {.cameras = {"top"}, .color = test.wanted});
    EXPECT_LT(largest_difference(episode.frame(4), 0, spec, 1, 4, test.swapped), 25);
    EXPECT_GT(largest_difference(episode.frame(4), 0, spec, 1, 4, !test.swapped), 50);
    if (test.logged == nullptr) {
      EXPECT_EQ(log.text(), "");
    } else {
      EXPECT_THAT(log.text(), ::testing::HasSubstr(test.logged));
      EXPECT_THAT(log.text(), ::testing::HasSubstr("rgb or bgr"));
    }
  }
}

NormStats unit_stats(size_t joints, float action_mean) {
  NormStats stats;
  stats.qpos_mean.assign(joints, 1);
  stats.qpos_std.assign(joints, 2);
  stats.action_mean.assign(joints, action_mean);
  stats.action_std.assign(joints, 4);
  return stats;
}

TEST(Episode, ASampleIsWhatTrainingSaw) {
  const TempDir folder;
  const EpisodeSpec spec{.steps = 4, .joints = 1};
  write_episode(folder / "e.hdf5", spec);
  const Sample sample = open(folder / "e.hdf5").sample(2, unit_stats(1, 8));
  EXPECT_EQ(sample.image.type(), (TensorType{DataType::kFloat32, {2, 3, 16, 32}}));
  EXPECT_EQ(sample.image.data<float>()[5],
            static_cast<float>(testing::pixel(1, 2, 0, 5, 0)) / 255.0f);
  EXPECT_EQ(to_doubles(sample.qpos), (std::vector<double>{0.5}));
  // Actions 102 and 103, then zeros; normalised afterwards.
  EXPECT_EQ(to_doubles(sample.action), (std::vector<double>{23.5, 23.75, -2, -2}));
  EXPECT_EQ(to_doubles(sample.is_pad), (std::vector<double>{0, 0, 1, 1}));
}

TEST(Episode, RealRobotsShiftTheTargetsByOneStep) {
  const TempDir folder;
  for (const std::optional<bool> sim : {std::optional<bool>(false), std::optional<bool>()}) {
    write_episode(folder / "e.hdf5", {.steps = 4, .joints = 1, .sim = sim});
    const Episode episode = open(folder / "e.hdf5");
    const NormStats stats = unit_stats(1, 100);
    EXPECT_EQ(to_doubles(episode.sample(2, stats).action),
              (std::vector<double>{0.25, 0.5, 0.75, -25}));
    EXPECT_EQ(to_doubles(episode.sample(0, stats).action),
              (std::vector<double>{0, 0.25, 0.5, 0.75}));
    EXPECT_EQ(to_doubles(episode.sample(0, stats, 2).action), (std::vector<double>{0, 0.25}));
    EXPECT_EQ(to_doubles(episode.sample(3, stats, 5).is_pad), (std::vector<double>{0, 0, 1, 1, 1}));
  }
}

TEST(Episode, BaseActionsAreSmoothedAndAppended) {
  const TempDir folder;
  const EpisodeSpec spec{.steps = 5, .joints = 1};
  const EpisodicOptions options{.cameras = {"top"}, .base_actions = true};
  {
    Hdf5Writer file(folder / "e.hdf5");
    write_episode(file, spec);
  }
  EXPECT_EQ(to_doubles(open(folder / "e.hdf5", options).action()),
            (std::vector<double>{100, 0, 0, 101, 0, 0, 102, 0, 0, 103, 0, 0, 104, 0, 0}));
  {
    Hdf5Writer file(folder / "e.hdf5");
    write_episode(file, spec);
    file.dataset<float>("base_action", {5, 2}, {5, 10, 5, 0, 5, 0, 5, 0, 5, 0});
  }
  const Episode episode = open(folder / "e.hdf5", options);
  EXPECT_EQ(to_doubles(episode.action()),
            (std::vector<double>{100, 3, 2, 101, 4, 2, 102, 5, 2, 103, 4, 0, 104, 3, 0}));
}

TEST(Episode, RefusesBadFiles) {
  using Damage = std::function<void(Hdf5Writer&)>;
  const EpisodeSpec raw;
  const EpisodeSpec jpeg{.is_jpeg = true};
  const auto replace = [](const std::string& path, Hdf5Writer::Shape shape, auto values) -> Damage {
    return [=](Hdf5Writer& file) {
      file.remove(path);
      file.dataset(path, shape, values);
    };
  };
  const std::string top = "observations/images/top";
  const std::vector<float> good_track(size_t{6} * 3);
  auto nan_track = good_track;
  nan_track[3 * 4 + 2] = std::numeric_limits<float>::quiet_NaN();
  const struct {
    std::string title;
    const EpisodeSpec& spec;
    Damage damage;
    std::initializer_list<std::string_view> parts;
  } cases[] = {
      {"no qpos",
       raw,
       [](auto& file) { file.remove("observations/qpos"); },
       {"e.hdf5", "no dataset observations/qpos"}},
      {"no action", raw, [](auto& file) { file.remove("action"); }, {"no dataset action"}},
      {"no camera",
       raw,
       [&](auto& file) { file.remove(top); },
       {"e.hdf5", "no camera 'top'", "it has left"}},
      {"no images",
       raw,
       [](auto& file) { file.remove("observations/images"); },
       {"e.hdf5", "no group /observations/images"}},
      {"shorter camera",
       raw,
       replace(top, {5, 16, 32, 3}, std::vector<uint8_t>(size_t{5} * 16 * 32 * 3)),
       {"e.hdf5: observations/images/top", "5 frames, expected 6"}},
      {"other size",
       raw,
       replace(top, {6, 8, 32, 3}, std::vector<uint8_t>(size_t{6} * 8 * 32 * 3)),
       {"images/left", "16 x 32", "expected raw of 8 x 32 as camera 'top'"}},
      {"two colours",
       raw,
       replace(top, {6, 16, 32, 2}, std::vector<uint8_t>(size_t{6} * 16 * 32 * 2)),
       {"images/top", "shape (6, 16, 32, 2)", "expected uint8 (steps, height, width, 3)"}},
      {"float image",
       raw,
       replace(top, {6, 16, 32, 3}, std::vector<float>(size_t{6} * 16 * 32 * 3)),
       {"images/top", "another type"}},
      {"raw and JPEG",
       jpeg,
       replace(top, {6, 16, 32, 3}, std::vector<uint8_t>(size_t{6} * 16 * 32 * 3)),
       {"images/left", "JPEG frames", "expected raw"}},
      {"no steps",
       raw,
       replace("observations/qpos", {0, 3}, std::vector<float>{}),
       {"e.hdf5: observations/qpos", "shape (0, 3)", "at least one"}},
      {"no joints",
       raw,
       replace("observations/qpos", {6, 0}, std::vector<float>{}),
       {"shape (6, 0)", "expected (steps, joints)"}},
      {"flat qpos",
       raw,
       replace("observations/qpos", {18}, good_track),
       {"shape (18,)", "expected (steps, joints)"}},
      {"integer qpos",
       raw,
       replace("observations/qpos", {6, 3}, std::vector<int32_t>(18)),
       {"observations/qpos", "expected float32 or float64"}},
      {"NaN qpos",
       raw,
       replace("observations/qpos", {6, 3}, nan_track),
       {"e.hdf5: observations/qpos", "step 4, joint 2 is nan", "finite"}},
      {"shorter action",
       raw,
       replace("action", {5, 3}, std::vector<float>(15)),
       {"/action has 5 steps", "has 6"}},
      {"never written",
       raw,
       replace("action", {6, 3}, std::vector<float>{}),
       {"action", "only 0 bytes are stored", "cut off"}},
      {"absurd size",
       raw,
       replace("action", {hsize_t{1} << 40, 1 << 20}, std::vector<float>{}),
       {"action", "only 0 bytes are stored"}},
      {"overflow",
       raw,
       [](auto& file) {
         file.remove("action");
         file.dataset("action", {hsize_t{1} << 62, 4}, std::vector<float>{},
                      Hdf5Writer::Storage::kChunked);
       },
       {"action", "too many elements"}},
      {"filter",
       raw,
       [&](auto& file) {
         file.remove("action");
         file.dataset("action", {6, 3}, std::vector<int32_t>(18),
                      Hdf5Writer::Storage::kScaleOffset);
       },
       {"action"}},
      {"image filter",
       raw,
       [&](auto& file) {
         file.remove(top);
         file.dataset(top, {6, 16, 32, 3}, std::vector<uint8_t>(size_t{6} * 16 * 32 * 3),
                      Hdf5Writer::Storage::kScaleOffset);
       },
       {"images/top", "filter 6", "h5repack"}},
      {"soft link",
       raw,
       [](auto& file) {
         file.remove("action");
         H5Lcreate_soft("/observations/qpos", file.file(), "action", H5P_DEFAULT, H5P_DEFAULT);
       },
       {"action", "link to another place"}},
      {"external link",
       raw,
       [](auto& file) {
         file.remove("action");
         H5Lcreate_external("/etc/passwd", "/x", file.file(), "action", H5P_DEFAULT, H5P_DEFAULT);
       },
       {"action", "link to another place"}},
      {"external data",
       raw,
       [](auto& file) {
         file.remove("action");
         const hsize_t dims[] = {6, 3};
         const hid_t space = H5Screate_simple(2, dims, nullptr);
         const hid_t options = H5Pcreate(H5P_DATASET_CREATE);
         H5Pset_external(options, "/etc/passwd", 0, 72);
         H5Dclose(H5Dcreate2(file.file(), "action", H5T_IEEE_F32LE, space, H5P_DEFAULT, options,
                             H5P_DEFAULT));
         H5Pclose(options);
         H5Sclose(space);
       },
       {"action", "other files"}},
      {"a group",
       raw,
       [](auto& file) {
         file.remove("action");
         H5Gclose(H5Gcreate2(file.file(), "action", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
       },
       {"action", "no"}},
      {"text sim",
       raw,
       [](auto& file) { file.text_attribute("sim", "yes", false); },
       {"e.hdf5", "attribute 'sim' is no boolean"}},
      {"colour order",
       jpeg,
       [](auto& file) { file.text_attribute("color_order", "xyz", true); },
       {"e.hdf5", "'color_order' is 'xyz'", "'rgb' or 'bgr'"}},
      {"garbage JPEG",
       jpeg,
       replace(top, {6, 50}, std::vector<uint8_t>(300, 7)),
       {"e.hdf5: observations/images/top, step 0", "no readable JPEG"}},
  };
  for (const auto& test : cases) {
    SCOPED_TRACE(test.title);
    const TempDir folder;
    {
      Hdf5Writer file(folder / "e.hdf5");
      write_episode(file, test.spec);
      test.damage(file);
    }
    expect_bad_input(test.parts, [&] { open(folder / "e.hdf5"); });
  }
}

TEST(Episode, ADamagedFrameIsNamed) {
  const TempDir folder;
  EpisodeSpec spec{.cameras = {"top"}, .is_jpeg = true};
  write_episode(folder / "e.hdf5", spec);
  std::string bytes = testing::read_text(folder / "e.hdf5");
  // The third frame loses its end.
  size_t end = 0;
  for (int i = 0; i < 3; ++i) end = bytes.find("\xff\xd9", end + 1);
  bytes.replace(end - 10, 12, 12, '\0');
  testing::write_text(folder / "e.hdf5", bytes);
  const Episode episode = open(folder / "e.hdf5", {.cameras = {"top"}});
  int damaged = 0;
  for (int64_t step = 0; step < 6; ++step) {
    try {
      episode.frame(step);
    } catch (const Error& error) {
      ++damaged;
      EXPECT_THAT(error.what(), ::testing::HasSubstr(fmt::format(
                                    "observations/images/top, step {}: damaged JPEG", step)));
    }
  }
  EXPECT_EQ(damaged, 1);
}

}  // namespace
}  // namespace tendon
