// Frames spread over a dataset, read ahead by one thread into a short queue.
#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "base/format.h"
#include "data/episode.h"
#include "data/sampling.h"

namespace tendon {
namespace {

/// One is on its way from whoever used it to the reader.
constexpr size_t kSpares = 1;

/// Images that nobody looks at any more, to be filled again: taking megabytes from the system and
/// giving them back for every frame costs time, and twice their memory where threads share a heap.
class Spares {
 public:
  explicit Spares(size_t capacity) : capacity_(capacity) {}

  Tensor take(DataType dtype, const Shape& shape) {
    {
      const std::lock_guard lock(mutex_);
      const auto fits = std::ranges::find(spares_, TensorType{dtype, shape}, &Tensor::type);
      if (fits != spares_.end()) {
        Tensor spare = std::move(*fits);
        spares_.erase(fits);
        return spare;
      }
    }
    return Tensor(dtype, shape);
  }

  void give(Tensor tensor) {
    const std::lock_guard lock(mutex_);
    if (!tensor.is_shared() && spares_.size() < capacity_) spares_.push_back(std::move(tensor));
  }

 private:
  size_t capacity_;
  std::mutex mutex_;
  std::vector<Tensor> spares_;
};

/// Reads one observation after the other and keeps the last episode open.
class ObservationBuilder {
 public:
  ObservationBuilder(EpisodicDataset dataset, NormStats stats, const ObservationOptions& options,
                     Spares& spares)
      : dataset_(std::move(dataset)),
        stats_(std::move(stats)),
        spares_(spares),
        raw_units_(options.raw_units),
        raw_images_(options.raw_images) {}

  Observation build(std::span<const FrameId> frames) {
    const auto batch = static_cast<int64_t>(frames.size());
    const Shape frame = dataset_.frame_shape();
    const int64_t joints = dataset_.joint_count();
    Tensor qpos(DataType::kFloat32, {batch, joints});
    Tensor image =
        raw_images_
            ? spares_.take(DataType::kUInt8, {batch, frame[0], frame[2], frame[3], frame[1]})
            : spares_.take(DataType::kFloat32, {batch, frame[0], frame[1], frame[2], frame[3]});
    int64_t number_in_batch = 0;
    auto positions = qpos.mutable_data<float>();
    for (const FrameId& id : frames) {
      if (!episode_ || number_ != id.episode) {
        episode_ = dataset_.open(id.episode);
        number_ = id.episode;
      }
      const auto position = episode_->qpos().data<float>().subspan(
          static_cast<size_t>(id.step * joints), static_cast<size_t>(joints));
      check_finite(position, id.step);
      put_frame(episode_->frame(id.step), number_in_batch++, image);
      std::ranges::copy(position, positions.begin());
      positions = positions.subspan(static_cast<size_t>(joints));
    }
    Observation observation{{frames.begin(), frames.end()}, {}};
    observation.inputs.emplace("qpos", raw_units_ ? qpos : stats_.normalize_qpos(qpos));
    observation.inputs.emplace("image", std::move(image));
    return observation;
  }

 private:
  /// Only datasets that allow bad steps have any.
  void check_finite(std::span<const float> position, int64_t step) const {
    for (size_t joint = 0; joint < position.size(); ++joint) {
      if (std::isfinite(position[joint])) continue;
      fail_input("{}: step {}, joint {} is {}; expected finite numbers", episode_->path(), step,
                 joint, position[joint]);
    }
  }
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
  Spares& spares_;
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
        report_bad_(range.options_.report_bad),
        capacity_(static_cast<size_t>(range.options_.prefetch)),
        spares_(std::make_shared<Spares>(kSpares)),
        builder_(range.dataset_, range.stats_, range.options_, *spares_),
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
        read(all.subspan(at, std::min(batch_, all.size() - at)));
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

  void read(std::span<const FrameId> frames) {
    if (!report_bad_) return put(builder_.build(frames));
    try {
      return put(builder_.build(frames));
    } catch (const Error& error) {
      if (frames.size() == 1) return put({{frames[0]}, {}, error.what()});
    }
    // One of them is bad: each becomes an observation of its own.
    for (size_t i = 0; i < frames.size() && wait_for_room(); ++i) read(frames.subspan(i, 1));
  }

  bool wait_for_room() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return stopped_ || ready_.size() < capacity_; });
    return !stopped_;
  }

  void put(Observation observation) {
    // Its last holder may outlive this reader.
    const auto give_back = [spares = spares_](Observation* done) {
      const std::unique_ptr<Observation> owned(done);
      const auto image = owned->inputs.find("image");
      if (image != owned->inputs.end()) spares->give(std::move(image->second));
    };
    std::shared_ptr<const Observation> shared(new Observation(std::move(observation)), give_back);
    {
      const std::lock_guard lock(mutex_);
      ready_.push_back(std::move(shared));
    }
    changed_.notify_all();
  }

  std::vector<FrameId> frames_;
  size_t batch_;
  bool report_bad_;
  size_t capacity_;
  std::shared_ptr<Spares> spares_;
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
  // Its image goes back before the reader is woken, which then needs no new one.
  current_.reset();
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

Observations Observations::part(int64_t number, int64_t count) const {
  if (number < 1 || number > count) {
    fail(ErrorKind::kUsage, "part {} of {}: expected 1 to {}", number, count, count);
  }
  const auto total = static_cast<int64_t>(frames_.size());
  Observations share = *this;
  share.frames_.assign(frames_.begin() + total * (number - 1) / count,
                       frames_.begin() + total * number / count);
  share.options_.chosen = share.frames_;
  return share;
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
