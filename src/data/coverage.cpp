#include "data/coverage.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <optional>

#include "base/format.h"
#include "base/parallel.h"
#include "data/sampling.h"

namespace tendon {
namespace {

struct Range {
  double min = std::numeric_limits<double>::infinity();
  double max = -std::numeric_limits<double>::infinity();
  void add(float value) {
    if (!std::isfinite(value)) return;
    min = std::min(min, static_cast<double>(value));
    max = std::max(max, static_cast<double>(value));
  }
};

/// Mean brightness, 0 to 1, of each camera in one frame.
std::vector<double> brightness_of(const Tensor& frame, size_t cameras) {
  const auto pixels = frame.data<uint8_t>();
  const size_t each = pixels.size() / cameras;
  std::vector<double> means;
  for (size_t camera = 0; camera < cameras; ++camera) {
    const auto part = pixels.subspan(camera * each, each);
    const auto sum = std::accumulate(part.begin(), part.end(), uint64_t{0});
    means.push_back(static_cast<double>(sum) / static_cast<double>(each) / 255);
  }
  return means;
}

}  // namespace

double JointCoverage::share() const {
  return all_max > all_min ? (sample_max - sample_min) / (all_max - all_min) : 1;
}

std::vector<JointCoverage> joint_coverage(const EpisodicDataset& dataset,
                                          std::span<const FrameId> frames) {
  const auto joints = static_cast<size_t>(dataset.joint_count());
  std::map<int64_t, std::vector<int64_t>> chosen;
  for (const FrameId id : frames) chosen[id.episode].push_back(id.step);
  std::vector<Range> sample(joints);
  std::vector<Range> all(joints);
  for (int64_t number = 0; number < dataset.size(); ++number) {
    const Episode episode = dataset.open(number);
    const auto positions = episode.qpos().data<float>();
    for (size_t i = 0; i < positions.size(); ++i) all[i % joints].add(positions[i]);
    for (const int64_t step : chosen[number]) {
      for (size_t joint = 0; joint < joints; ++joint) {
        sample[joint].add(positions[static_cast<size_t>(step) * joints + joint]);
      }
    }
  }
  std::vector<JointCoverage> coverage;
  for (size_t joint = 0; joint < joints; ++joint) {
    coverage.push_back({sample[joint].min, sample[joint].max, all[joint].min, all[joint].max});
  }
  return coverage;
}

std::vector<double> camera_brightness(const EpisodicDataset& dataset, int64_t most_frames) {
  int64_t total = 0;
  for (int64_t i = 0; i < dataset.size(); ++i) total += dataset.length(i);
  const std::vector<FrameId> ids = choose_frames(dataset, {.frames = std::min(most_frames, total)});
  const auto cameras = static_cast<size_t>(dataset.frame_shape()[0]);
  // By frame and camera; empty where a frame could not be read.
  std::vector<std::vector<double>> means(ids.size());
  parallel_for(static_cast<int64_t>(ids.size()), 1, [&](int64_t begin, int64_t end) {
    std::optional<Episode> episode;
    int64_t open = -1;
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
      try {
        if (open != ids[i].episode) episode = dataset.open(ids[i].episode);
        open = ids[i].episode;
        means[i] = brightness_of(episode->frame(ids[i].step), cameras);
      } catch (const Error&) {
        // The run over the sample says what is wrong with such a frame.
      }
    }
  });
  std::vector<double> sums(cameras);
  int64_t read = 0;
  for (const std::vector<double>& frame : means) {
    for (size_t camera = 0; camera < frame.size(); ++camera) sums[camera] += frame[camera];
    read += frame.empty() ? 0 : 1;
  }
  for (double& sum : sums) sum /= static_cast<double>(std::max<int64_t>(read, 1));
  return sums;
}

}  // namespace tendon
