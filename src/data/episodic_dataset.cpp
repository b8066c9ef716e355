// Finds the episodes of a folder and checks that they fit together.
#include <algorithm>
#include <cctype>
#include <filesystem>

#include "base/log.h"
#include "data/episode.h"

namespace tendon {
namespace {

namespace fs = std::filesystem;

/// Compares runs of digits as numbers, so that episode_10 follows episode_9.
bool natural_less(const std::string& a, const std::string& b) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  size_t i = 0;
  size_t j = 0;
  while (i < a.size() && j < b.size()) {
    if (!is_digit(a[i]) || !is_digit(b[j])) {
      if (a[i] != b[j]) return a[i] < b[j];
      ++i;
      ++j;
      continue;
    }
    const auto run = [&](const std::string& text, size_t& at) {
      while (at < text.size() && text[at] == '0') ++at;
      const size_t begin = at;
      while (at < text.size() && is_digit(text[at])) ++at;
      return std::string_view(text).substr(begin, at - begin);
    };
    const std::string_view left = run(a, i);
    const std::string_view right = run(b, j);
    if (left.size() != right.size()) return left.size() < right.size();
    if (left != right) return left < right;
  }
  return a.size() - i == b.size() - j ? a < b : a.size() - i < b.size() - j;
}

bool is_hdf5(const fs::path& path) { return path.extension() == ".hdf5"; }

std::vector<std::string> find_episodes(const std::string& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found) fail_input("'{}': no such file or folder", path);
  if (!fs::is_directory(status)) return {path};
  std::vector<std::string> numbered;
  std::vector<std::string> others;
  for (fs::recursive_directory_iterator at(path, error), end; !error && at != end;
       at.increment(error)) {
    const std::string name = at->path().filename().string();
    if (!is_hdf5(at->path()) || !at->is_regular_file(error)) continue;
    if (at.depth() == 0 && name.starts_with("episode_")) numbered.push_back(at->path().string());
    if (name.find("features") == std::string::npos) others.push_back(at->path().string());
  }
  if (error) fail_input("'{}' cannot be listed: {}", path, error.message());
  std::vector<std::string>& found = numbered.empty() ? others : numbered;
  if (found.empty()) fail_input("'{}' holds no episodes; expected episode_0.hdf5, …", path);
  std::sort(found.begin(), found.end(), natural_less);
  return std::move(found);
}

}  // namespace

struct EpisodicDataset::Data {
  struct Item {
    std::string path;
    std::string name;
    int64_t length = 0;
  };
  std::string path;
  EpisodicOptions options;
  std::vector<Item> items;
  int64_t joints = 0;
  int64_t actions = 0;
  Shape frame;

  const Item& item(int64_t episode) const {
    const auto count = static_cast<int64_t>(items.size());
    if (episode < 0 || episode >= count) {
      fail(ErrorKind::kUsage, "{}: episode {} is outside 0..{}", path, episode, count - 1);
    }
    return items[static_cast<size_t>(episode)];
  }
};

EpisodicDataset::EpisodicDataset(const std::string& path, EpisodicOptions options) {
  auto data = std::make_shared<Data>();
  data->path = path;
  data->options = std::move(options);
  const std::vector<std::string> paths = find_episodes(path);
  if (data->options.cameras.empty()) {
    data->options.cameras = list_cameras(Hdf5File::open(paths[0]));
    const auto text = fmt::format("{}: cameras taken from the file in order of their names: {}",
                                  path, fmt::join(data->options.cameras, ", "));
    if (data->options.cameras.size() == 1) {
      log_info("{}", text);
    } else {
      log_warning("{}; the order is part of a policy: name the cameras in its order", text);
    }
  }
  const auto& cameras = data->options.cameras;
  for (auto camera = cameras.begin(); camera != cameras.end(); ++camera) {
    if (camera->empty() || camera->find('/') != std::string::npos ||
        std::find(cameras.begin(), camera, *camera) != camera) {
      fail(ErrorKind::kUsage, "camera '{}' is named twice or is no plain name", *camera);
    }
  }
  std::string assumption;
  for (const std::string& file : paths) {
    const EpisodeData episode = open_episode(Hdf5File::open(file), data->options);
    const int64_t joints = episode.qpos.shape()[1];
    const int64_t actions = episode.action.shape()[1];
    const Shape frame{static_cast<int64_t>(cameras.size()), 3, episode.height, episode.width};
    if (data->items.empty()) {
      data->joints = joints;
      data->actions = actions;
      data->frame = frame;
    } else if (joints != data->joints || actions != data->actions || !(frame == data->frame)) {
      fail_input("{}: {} joints, {} actions, frames {}; expected {}, {} and {} as in {}", file,
                 joints, actions, frame, data->joints, data->actions, data->frame, paths[0]);
    }
    if (!episode.color_assumption.empty() && episode.color_assumption != assumption) {
      assumption = episode.color_assumption;
      log_warning("{}: frames taken as {}; give the colour order (rgb or bgr) if this is wrong",
                  file, assumption);
    }
    data->items.push_back({file, episode.name, episode.qpos.shape()[0]});
  }
  data_ = std::move(data);
}

const std::string& EpisodicDataset::path() const { return data_->path; }
const std::vector<std::string>& EpisodicDataset::cameras() const { return data_->options.cameras; }
ColorOrder EpisodicDataset::color() const { return data_->options.color; }
int64_t EpisodicDataset::joint_count() const { return data_->joints; }
int64_t EpisodicDataset::action_count() const { return data_->actions; }
Shape EpisodicDataset::frame_shape() const { return data_->frame; }
int64_t EpisodicDataset::size() const { return static_cast<int64_t>(data_->items.size()); }

int64_t EpisodicDataset::length(int64_t episode) const { return data_->item(episode).length; }
const std::string& EpisodicDataset::name(int64_t episode) const {
  return data_->item(episode).name;
}

Episode EpisodicDataset::open(int64_t episode) const {
  const Data::Item& item = data_->item(episode);
  auto data =
      std::make_shared<EpisodeData>(open_episode(Hdf5File::open(item.path), data_->options));
  if (data->qpos.shape() != Shape{item.length, data_->joints}) {
    fail_input("{}: changed since the dataset was opened", item.path);
  }
  return Episode(std::move(data));
}

ColorOrder color_order_from_name(std::string_view name) {
  if (name == "rgb") return ColorOrder::kRgb;
  if (name == "bgr") return ColorOrder::kBgr;
  if (name == "auto") return ColorOrder::kAuto;
  fail(ErrorKind::kUsage, "unknown colour order '{}', expected rgb, bgr or auto", name);
}

std::string_view name_of(ColorOrder color) {
  switch (color) {
    case ColorOrder::kAuto: return "auto";
    case ColorOrder::kRgb: return "rgb";
    case ColorOrder::kBgr: return "bgr";
  }
  return "auto";
}

}  // namespace tendon
