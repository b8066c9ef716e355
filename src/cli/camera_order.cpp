#include "cli/camera_order.h"

#include <tendon/loaders.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "base/log.h"

namespace tendon::cli {
namespace {

constexpr size_t kFrames = 4;
constexpr size_t kMostCameras = 4;
/// In standard deviations of the training actions; a policy that fits its data is well below.
constexpr double kSuspicious = 0.25;
/// Another order must be better by this factor to be worth a warning.
constexpr double kClearly = 0.7;

/// Mean |a - b| over the steps that both have; NaN where the shapes do not fit.
double mean_difference(const TensorMap& outputs, const Tensor& recorded) {
  if (outputs.size() != 1) return std::nan("");
  const Tensor& action = outputs.begin()->second;
  const bool fits = action.dtype() == DataType::kFloat32 && action.rank() == 3 &&
                    action.shape()[0] == 1 && action.shape()[2] == recorded.shape()[1];
  if (!fits) return std::nan("");
  const auto a = action.data<float>();
  const auto b = recorded.data<float>();
  const size_t count = std::min(a.size(), b.size());
  double sum = 0;
  for (size_t i = 0; i < count; ++i) {
    sum += std::fabs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
  }
  return sum / static_cast<double>(count);
}

/// The image with camera order[i] in place i.
Tensor reordered(const Tensor& image, const std::vector<size_t>& order) {
  Tensor result(image.dtype(), image.shape());
  const size_t each = image.byte_size() / order.size();
  const auto* from = static_cast<const std::byte*>(image.raw());
  auto* to = static_cast<std::byte*>(result.mutable_raw());
  for (size_t i = 0; i < order.size(); ++i) {
    std::memcpy(to + i * each, from + order[i] * each, each);
  }
  return result;
}

}  // namespace

CameraOrderCheck::CameraOrderCheck(Observations data, Network network)
    : data_(std::move(data)), network_(std::move(network)) {
  const EpisodicDataset& dataset = data_.dataset();
  if (dataset.cameras().size() < 2 || dataset.cameras().size() > kMostCameras) return;
  const auto& frames = data_.frames();
  for (size_t i = 0; i < std::min(kFrames, frames.size()); ++i) {
    const FrameId id = frames[(2 * i + 1) * frames.size() / (2 * std::min(kFrames, frames.size()))];
    frames_[fmt::format("{} step {}", dataset.name(id.episode), id.step)] = id;
  }
}

void CameraOrderCheck::look_at(const CalibratedFrame& frame) {
  const auto found = frames_.find(frame.place);
  if (found == frames_.end()) return;
  const FrameId id = found->second;
  const Episode episode = data_.dataset().open(id.episode);
  // Beyond the episode's end nothing was recorded.
  const int64_t left = episode.length() - id.step;
  Kept kept{id, episode.sample(id.step, data_.stats(), left).action, 0};
  kept.error = mean_difference(frame.outputs, kept.action);
  kept_.push_back(std::move(kept));
}

std::vector<double> CameraOrderCheck::errors_of(std::span<const std::vector<size_t>> orders) const {
  EngineRunner runner(EngineFromNetwork(network_));
  const auto scope = runner.scope();
  ObservationOptions options = data_.options();
  options.batch = 1;
  options.chosen.clear();
  for (const Kept& kept : kept_) options.chosen.push_back(kept.id);
  std::vector<double> errors(orders.size());
  auto kept = kept_.begin();
  for (const Observation& observation : observations(data_.dataset(), data_.stats(), options)) {
    TensorMap inputs = observation.inputs;
    for (size_t i = 0; i < orders.size(); ++i) {
      inputs["image"] = reordered(observation.inputs.at("image"), orders[i]);
      errors[i] += mean_difference(runner.infer_view(inputs), kept->action) /
                   static_cast<double>(kept_.size());
    }
    ++kept;
  }
  return errors;
}

void CameraOrderCheck::report() const {
  double given = 0;
  for (const Kept& kept : kept_) given += kept.error / static_cast<double>(kept_.size());
  if (!(given > kSuspicious)) return;
  log_verbose("Actions are {:.2f} deviations from the recorded ones; trying other camera orders",
              given);
  const auto& cameras = data_.dataset().cameras();
  std::vector<size_t> order(cameras.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::vector<std::vector<size_t>> orders;
  while (std::ranges::next_permutation(order).found) orders.push_back(order);
  const std::vector<double> errors = errors_of(orders);
  const auto found = std::ranges::min_element(errors);
  const double least = *found;
  const std::vector<size_t>& best = orders[static_cast<size_t>(found - errors.begin())];
  if (!(least < kClearly * given)) return;
  std::vector<std::string> names;
  for (const size_t camera : best) names.push_back(cameras[camera]);
  log_warning(
      "The cameras seem to be in another order than the policy's: as {} its actions are {:.2f} "
      "deviations from the recorded ones, as {} only {:.2f}. Check --cameras",
      fmt::join(cameras, ","), given, fmt::join(names, ","), least);
}

}  // namespace tendon::cli
