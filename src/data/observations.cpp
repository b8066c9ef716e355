// Frames spread over a dataset, read ahead by one thread into a short queue.
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>

#include "base/format.h"
#include "data/episode.h"

namespace tendon {
namespace {

std::vector<FrameId> choose_frames(const EpisodicDataset& dataset,
                                   const ObservationOptions& options) {
  std::vector<int64_t> episodes = options.episodes;
  if (episodes.empty()) {
    for (int64_t i = 0; i < dataset.size(); ++i) episodes.push_back(i);
  }
  std::vector<FrameId> candidates;
  for (const int64_t episode : episodes) {
    if (episode < 0 || episode >= dataset.size()) {
      fail(ErrorKind::kUsage, "episode {} is outside 0..{}", episode, dataset.size() - 1);
    }
    for (int64_t step = 0; step < dataset.length(episode); step += options.stride) {
      candidates.push_back({episode, step});
    }
  }
  const auto total = static_cast<int64_t>(candidates.size());
  if (options.frames == 0 || options.frames == total) return candidates;
  if (options.frames > total) {
    fail(ErrorKind::kUsage, "{} frames wanted, but the chosen episodes have {}", options.frames,
         total);
  }
  std::vector<FrameId> chosen;
  for (int64_t i = 0; i < options.frames; ++i) {
    chosen.push_back(candidates[static_cast<size_t>((2 * i + 1) * total / (2 * options.frames))]);
  }
  return chosen;
}

/// Reads one observation after the other and keeps the last episode open.
class ObservationBuilder {
 public:
  ObservationBuilder(EpisodicDataset dataset, NormStats stats, const ObservationOptions& options)
      : dataset_(std::move(dataset)),
        stats_(std::move(stats)),
        raw_units_(options.raw_units),
        raw_images_(options.raw_images) {}

  Observation build(std::span<const FrameId> frames) {
    const auto batch = static_cast<int64_t>(frames.size());
    const Shape frame = dataset_.frame_shape();
    const int64_t joints = dataset_.joint_count();
    Tensor qpos(DataType::kFloat32, {batch, joints});
    Tensor image =
        raw_images_ ? Tensor(DataType::kUInt8, {batch, frame[0], frame[2], frame[3], frame[1]})
                    : Tensor(DataType::kFloat32, {batch, frame[0], frame[1], frame[2], frame[3]});
    int64_t number_in_batch = 0;
    auto positions = qpos.mutable_data<float>();
    for (const FrameId& id : frames) {
      if (!episode_ || number_ != id.episode) {
        episode_ = dataset_.open(id.episode);
        number_ = id.episode;
      }
      put_frame(episode_->frame(id.step), number_in_batch++, image);
      std::ranges::copy(episode_->qpos().data<float>().subspan(
                            static_cast<size_t>(id.step * joints), static_cast<size_t>(joints)),
                        positions.begin());
      positions = positions.subspan(static_cast<size_t>(joints));
    }
    Observation observation{{frames.begin(), frames.end()}, {}};
    observation.inputs.emplace("qpos", raw_units_ ? qpos : stats_.normalize_qpos(qpos));
    observation.inputs.emplace("image", std::move(image));
    return observation;
  }

 private:
  /// `frame` is (k, 3, H, W).
  void put_frame(const Tensor& frame, int64_t number, Tensor& image) const {
    const auto from = frame.data<uint8_t>();
    const auto begin = static_cast<size_t>(number * frame.size());
    if (!raw_images_) {
      scale_pixels(from, image.mutable_data<float>().subspan(begin, from.size()));
      return;
    }
    const auto to = image.mutable_data<uint8_t>().subspan(begin, from.size());
    const auto colors = static_cast<size_t>(frame.shape()[1]);
    const auto points = static_cast<size_t>(frame.shape()[2] * frame.shape()[3]);
    for (size_t i = 0; i < from.size(); ++i) {
      const size_t camera = i / (colors * points), color = i / points % colors;
      to[(camera * points + i % points) * colors + color] = from[i];
    }
  }

  EpisodicDataset dataset_;
  NormStats stats_;
  bool raw_units_;
  bool raw_images_;
  std::optional<Episode> episode_;
  int64_t number_ = -1;
};

}  // namespace

class Observations::Iterator::Reader {
 public:
  Reader(const Observations& range)
      : frames_(range.frames_),
        batch_(static_cast<size_t>(range.options_.batch)),
        capacity_(static_cast<size_t>(range.options_.prefetch)),
        builder_(range.dataset_, range.stats_, range.options_),
        thread_([this] { read(); }) {}

  ~Reader() {
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  /// Null at the end.
  std::shared_ptr<const Observation> next() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !ready_.empty() || finished_; });
    if (ready_.empty()) {
      if (error_) std::rethrow_exception(error_);
      return nullptr;
    }
    auto observation = std::move(ready_.front());
    ready_.pop_front();
    lock.unlock();
    changed_.notify_all();
    return observation;
  }

 private:
  void read() {
    std::exception_ptr error;
    try {
      const std::span<const FrameId> all(frames_);
      for (size_t at = 0; at < all.size() && wait_for_room(); at += batch_) {
        put(builder_.build(all.subspan(at, std::min(batch_, all.size() - at))));
      }
    } catch (...) {
      error = std::current_exception();
    }
    {
      const std::lock_guard lock(mutex_);
      error_ = error;
      finished_ = true;
    }
    changed_.notify_all();
  }

  bool wait_for_room() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return stopped_ || ready_.size() < capacity_; });
    return !stopped_;
  }

  void put(Observation observation) {
    auto shared = std::make_shared<const Observation>(std::move(observation));
    {
      const std::lock_guard lock(mutex_);
      ready_.push_back(std::move(shared));
    }
    changed_.notify_all();
  }

  std::vector<FrameId> frames_;
  size_t batch_;
  size_t capacity_;
  ObservationBuilder builder_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<const Observation>> ready_;
  std::exception_ptr error_;
  bool finished_ = false;
  bool stopped_ = false;
  std::thread thread_;
};

Observations::Iterator& Observations::Iterator::operator++() {
  current_ = reader_->next();
  return *this;
}

Observations::Observations(EpisodicDataset dataset, NormStats stats, ObservationOptions options)
    : dataset_(std::move(dataset)),
      stats_(std::move(stats)),
      options_(std::move(options)),
      frames_(choose_frames(dataset_, options_)) {}

Observations::Iterator Observations::begin() const {
  Iterator iterator;
  iterator.reader_ = std::make_shared<Iterator::Reader>(*this);
  ++iterator;
  return iterator;
}

int64_t Observations::size() const {
  return (static_cast<int64_t>(frames_.size()) + options_.batch - 1) / options_.batch;
}

Observations observations(const EpisodicDataset& dataset, const NormStats& stats,
                          ObservationOptions options) {
  check_stats_fit(stats, dataset);
  if (options.frames < 0 || options.stride < 1 || options.batch < 1 || options.prefetch < 1) {
    fail(ErrorKind::kUsage,
         "frames {}, stride {}, batch {}, prefetch {}: expected at least 0, 1, 1 and 1",
         options.frames, options.stride, options.batch, options.prefetch);
  }
  return Observations(dataset, stats, std::move(options));
}

}  // namespace tendon
