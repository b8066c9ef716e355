// One episode file: its layout is checked on opening, its frames are read on demand.
#include "data/episode.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>

#include "base/format.h"
#include "data/jpeg.h"

namespace tendon {
namespace {

const std::string kQpos = "observations/qpos";
const std::string kAction = "action";
const std::string kBaseAction = "base_action";
const std::string kImages = "observations/images";
constexpr int64_t kColors = 3;
constexpr int64_t kSmoothing = 5;

/// (T, columns) float32, with finite values unless `allow_bad`.
Tensor read_track(const Hdf5File& file, const std::string& path, bool allow_bad) {
  const Hdf5Dataset dataset = file.dataset(path);
  const Shape& shape = dataset.shape();
  if (shape.rank() != 2 || shape[0] == 0 || shape[1] == 0) {
    fail_input("{}: shape {}, expected (steps, joints) with at least one of each", dataset.place(),
               shape);
  }
  Tensor track = dataset.read_float32();
  const auto values = track.data<float>();
  const auto bad = std::ranges::find_if(values, [](float value) { return !std::isfinite(value); });
  if (bad != values.end() && !allow_bad) {
    const int64_t at = bad - values.begin();
    fail_input("{}: step {}, joint {} is {}; expected finite numbers", dataset.place(),
               at / shape[1], at % shape[1], *bad);
  }
  return track;
}

/// Mean over five steps, with zeros beyond both ends.
float smoothed(std::span<const float> track, int64_t length, int64_t columns, int64_t step,
               int64_t column) {
  double sum = 0;
  const int64_t first = std::max<int64_t>(step - kSmoothing / 2, 0);
  const int64_t last = std::min(step + kSmoothing / 2, length - 1);
  for (int64_t t = first; t <= last; ++t) sum += track[static_cast<size_t>(t * columns + column)];
  return static_cast<float>(sum / static_cast<double>(kSmoothing));
}

Tensor with_base_actions(const Hdf5File& file, const Tensor& action, bool allow_bad) {
  constexpr int64_t kBase = 2;
  const int64_t length = action.shape()[0];
  const int64_t arms = action.shape()[1];
  Tensor base(DataType::kFloat32, {length, kBase});
  if (file.has(kBaseAction)) {
    base = read_track(file, kBaseAction, allow_bad);
    if (base.shape() != Shape{length, kBase}) {
      fail_input("{}: /{} has shape {}, expected {}", file.name(), kBaseAction, base.shape(),
                 Shape{length, kBase});
    }
  }
  Tensor result(DataType::kFloat32, {length, arms + kBase});
  const auto from = action.data<float>();
  float* to = result.mutable_data<float>().data();
  for (int64_t step = 0; step < length; ++step) {
    to = std::copy_n(from.data() + step * arms, arms, to);
    for (int64_t column = 0; column < kBase; ++column) {
      *to++ = smoothed(base.data<float>(), length, kBase, step, column);
    }
  }
  return result;
}

Hdf5Dataset open_camera(const Hdf5File& file, const std::string& camera, int64_t length) {
  const std::string path = kImages + "/" + camera;
  if (!file.has(path)) {
    fail_input("{}: no camera '{}' in /{}; it has {}", file.name(), camera, kImages,
               fmt::join(list_cameras(file), ", "));
  }
  Hdf5Dataset dataset = file.dataset(path);
  const Shape& shape = dataset.shape();
  const bool is_raw = shape.rank() == 4 && shape[3] == kColors && shape[1] > 0 && shape[2] > 0;
  const bool is_jpeg = shape.rank() == 2 && shape[1] > 0;
  if (dataset.element() != Hdf5Element::kUInt8 || !(is_raw || is_jpeg)) {
    fail_input(
        "{}: shape {} of {}; expected uint8 (steps, height, width, 3) or rows of JPEG "
        "bytes (steps, bytes)",
        dataset.place(), shape,
        dataset.element() == Hdf5Element::kUInt8 ? "uint8" : "another type");
  }
  if (shape[0] != length) {
    fail_input("{}: {} frames, expected {} as /{} has steps", dataset.place(), shape[0], length,
               kQpos);
  }
  return dataset;
}

std::string place_of(const Hdf5Dataset& camera, int64_t step) {
  return fmt::format("{}, step {}", camera.place(), step);
}

std::vector<uint8_t> read_row(const Hdf5Dataset& dataset, int64_t step) {
  std::vector<uint8_t> row(
      static_cast<size_t>(dataset.shape().element_count() / dataset.shape()[0]));
  dataset.read_row(step, row);
  return row;
}

struct FrameFormat {
  int64_t height;
  int64_t width;
  bool is_jpeg;
  bool is_quality_50 = false;
};

FrameFormat format_of(const Hdf5Dataset& camera) {
  const Shape& shape = camera.shape();
  if (shape.rank() == 4) return {shape[1], shape[2], false};
  const auto row = read_row(camera, 0);
  const JpegHeader header = read_jpeg_header(std::as_bytes(std::span(row)), place_of(camera, 0));
  return {header.height, header.width, true, header.is_quality_50};
}

void decide_color(EpisodeData& episode, ColorOrder wanted, bool is_quality_50) {
  if (!episode.is_jpeg || wanted == ColorOrder::kRgb) return;
  if (wanted == ColorOrder::kBgr) {
    episode.swap_red_and_blue = true;
    return;
  }
  if (const auto order = episode.file.text_attribute("color_order")) {
    if (*order != "rgb" && *order != "bgr") {
      fail_input("{}: attribute 'color_order' is '{}', expected 'rgb' or 'bgr'",
                 episode.file.name(), *order);
    }
    episode.swap_red_and_blue = *order == "bgr";
    return;
  }
  episode.swap_red_and_blue = is_quality_50;
  episode.color_assumption =
      is_quality_50 ? "BGR, since their JPEG quality is 50, as ALOHA's recorder writes"
                    : "RGB, since their JPEG quality is not 50, which ALOHA's recorder "
                      "(BGR) writes";
}

std::vector<std::string> list_track_members(const Hdf5File& file) {
  if (!file.has("observations") || !file.has(kImages)) {
    fail_input("{}: no group /{}; expected an ALOHA episode", file.name(), kImages);
  }
  return file.list(kImages);
}

}  // namespace

std::vector<std::string> list_cameras(const Hdf5File& file) {
  std::vector<std::string> cameras = list_track_members(file);
  std::erase_if(cameras, [](const std::string& name) { return name.ends_with("_depth"); });
  if (cameras.empty()) fail_input("{}: /{} holds no camera", file.name(), kImages);
  return cameras;
}

EpisodeData open_episode(const Hdf5File& file, const EpisodicOptions& options) {
  EpisodeData episode(file);
  episode.name = std::filesystem::path(file.name()).stem().string();
  episode.is_sim = file.bool_attribute("sim").value_or(false);
  episode.qpos = read_track(file, kQpos, options.allow_bad_steps);
  episode.action = read_track(file, kAction, options.allow_bad_steps);
  const int64_t length = episode.qpos.shape()[0];
  if (episode.action.shape()[0] != length) {
    fail_input("{}: /{} has {} steps and /{} has {}; expected equal lengths", file.name(), kAction,
               episode.action.shape()[0], kQpos, length);
  }
  if (options.base_actions)
    episode.action = with_base_actions(file, episode.action, options.allow_bad_steps);

  bool is_quality_50 = false;
  for (const std::string& camera : options.cameras) {
    episode.cameras.push_back(open_camera(file, camera, length));
    const FrameFormat format = format_of(episode.cameras.back());
    if (episode.cameras.size() == 1) {
      episode.height = format.height;
      episode.width = format.width;
      episode.is_jpeg = format.is_jpeg;
      is_quality_50 = format.is_quality_50;
    } else if (format.height != episode.height || format.width != episode.width ||
               format.is_jpeg != episode.is_jpeg) {
      fail_input("{}: {} frames of {} x {} (height x width), expected {} of {} x {} as camera '{}'",
                 episode.cameras.back().place(), format.is_jpeg ? "JPEG" : "raw", format.height,
                 format.width, episode.is_jpeg ? "JPEG" : "raw", episode.height, episode.width,
                 options.cameras[0]);
    }
  }
  decide_color(episode, options.color, is_quality_50);
  return episode;
}

void scale_pixels(std::span<const uint8_t> pixels, std::span<float> target) {
  static const auto kScaled = [] {
    std::array<float, 256> table{};
    for (size_t value = 0; value < table.size(); ++value) {
      table[value] = static_cast<float>(value) / 255.0f;
    }
    return table;
  }();
  std::ranges::transform(pixels, target.begin(), [](uint8_t pixel) { return kScaled[pixel]; });
}

const std::string& Episode::name() const { return data_->name; }
const std::string& Episode::path() const { return data_->file.name(); }
int64_t Episode::length() const { return data_->qpos.shape()[0]; }
bool Episode::is_sim() const { return data_->is_sim; }
const Tensor& Episode::qpos() const { return data_->qpos; }
const Tensor& Episode::action() const { return data_->action; }

Tensor Episode::frame(int64_t step) const {
  if (step < 0 || step >= length()) {
    fail(ErrorKind::kUsage, "{}: step {} is outside 0..{}", path(), step, length() - 1);
  }
  const int64_t height = data_->height;
  const int64_t width = data_->width;
  const size_t plane = static_cast<size_t>(height * width);
  Tensor frames(DataType::kUInt8,
                {static_cast<int64_t>(data_->cameras.size()), kColors, height, width});
  auto planes = frames.mutable_data<uint8_t>();
  for (const Hdf5Dataset& camera : data_->cameras) {
    const auto target = planes.first(kColors * plane);
    planes = planes.subspan(target.size());
    const std::vector<uint8_t> row = read_row(camera, step);
    if (data_->is_jpeg) {
      decode_jpeg(std::as_bytes(std::span(row)), place_of(camera, step), height, width,
                  data_->swap_red_and_blue, target);
    } else {
      for (size_t i = 0; i < plane; ++i) {
        for (size_t color = 0; color < kColors; ++color) {
          target[color * plane + i] = row[i * kColors + color];
        }
      }
    }
  }
  return frames;
}

Sample Episode::sample(int64_t step, const NormStats& stats, int64_t horizon) const {
  const Tensor pixels = frame(step);
  const int64_t joints = qpos().shape()[1];
  const int64_t actions = action().shape()[1];
  const int64_t rows = horizon > 0 ? horizon : length();
  Sample sample{Tensor(DataType::kFloat32, pixels.shape()), Tensor(),
                Tensor(DataType::kFloat32, {rows, actions}), Tensor(DataType::kBool, {rows})};
  scale_pixels(pixels.data<uint8_t>(), sample.image.mutable_data<float>());
  sample.qpos = stats.normalize_qpos(
      Tensor::from<float>({joints}, qpos().data<float>().subspan(static_cast<size_t>(step * joints),
                                                                 static_cast<size_t>(joints))));
  // On real robots the command of step t is recorded with the state it led to.
  const int64_t first = is_sim() ? step : std::max<int64_t>(step - 1, 0);
  const int64_t known = std::min(rows, length() - first);
  std::ranges::copy(action().data<float>().subspan(static_cast<size_t>(first * actions),
                                                   static_cast<size_t>(known * actions)),
                    sample.action.mutable_data<float>().begin());
  sample.action = stats.normalize_action(sample.action);
  std::ranges::fill(sample.is_pad.mutable_data<bool>().subspan(static_cast<size_t>(known)), true);
  return sample;
}

}  // namespace tendon
