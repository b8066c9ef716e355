// One walk through memory: each small run of elements is looked at for its extremes, counted into
// bins and summed while it is in the nearest cache.
#include "quant/accumulator.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "base/parallel.h"
#include "quant/counting.h"

namespace tendon {
namespace {

/// Elements that are summed in float before they enter an exact sum, at least.
constexpr int64_t kBlock = 16384;
/// Rows of channels in a block, at least.
constexpr int64_t kBlockRows = 128;
/// Independent lanes that a compiler turns into vectors.
constexpr int64_t kLanes = 16;
float magnitude_of(float x) {
  return std::bit_cast<float>(std::bit_cast<uint32_t>(x) & 0x7fffffff);
}

float sum_of(const float* x, int64_t count) {
  std::array<float, kLanes> sums{};
  const int64_t whole = count / kLanes * kLanes;
  for (int64_t i = 0; i < whole; i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) sums[lane] += x[i + static_cast<int64_t>(lane)];
  }
  float sum = 0;
  for (const float lane : sums) sum += lane;
  for (int64_t i = whole; i < count; ++i) sum += x[i];
  return sum;
}

}  // namespace

/// One thread's scratch memory.
struct Accumulator::Part {
  std::vector<float> row_sums;

  void start(ValueStatistics& target) {
    seen_ = &target;
    scale_to(target.histogram.exponent());
  }

  /// At most kRun elements.
  void count(const float* x, int64_t n) {
    RunFindings found = look_at_run(x, n, scale_, bins_);
    if (!found.finite) return count_finite(x, n);
    if (widen(std::max(found.max, -found.min))) found = look_at_run(x, n, scale_, bins_);
    seen_->min = std::min(seen_->min, found.min);
    seen_->max = std::max(seen_->max, found.max);
    if (seen_->byte_exact) seen_->byte_exact = are_bytes(x, n);
    seen_->count += static_cast<uint64_t>(n);
    zeros_ += static_cast<uint64_t>(n - found.bins);
    if (uncounted_ + kRun > BinCounts::kMostElements) take_counts();
    uncounted_ += kRun;
    counts_.add(bins_.data(), found.bins);
  }

  void sum(size_t channel, float term) {
    if (seen_->channel_sums.empty()) return;
    if (!seen_->channel_sums[channel].add(static_cast<double>(term))) seen_->channel_sums.clear();
  }

  /// Behind the last element.
  void take_counts() {
    seen_->histogram.take(counts_);
    seen_->histogram.add_to_bin(0, zeros_);
    seen_->zeros += zeros_;
    zeros_ = 0;
    uncounted_ = 0;
  }

 private:
  void scale_to(int exponent) { scale_ = std::ldexp(1.0f, 11 - exponent); }

  /// Whether the range had to grow.
  bool widen(float magnitude) {
    if (magnitude * scale_ < static_cast<float>(Histogram::kBins)) return false;
    take_counts();
    seen_->histogram.widen(Histogram::exponent_for(magnitude));
    scale_to(seen_->histogram.exponent());
    return true;
  }

  /// A run that holds NaN or infinity.
  void count_finite(const float* x, int64_t n) {
    for (int64_t i = 0; i < n; ++i) {
      if (!std::isfinite(x[i])) {
        ++seen_->non_finite;
        continue;
      }
      ++seen_->count;
      seen_->zeros += x[i] == 0 ? 1 : 0;
      seen_->min = std::min(seen_->min, x[i]);
      seen_->max = std::max(seen_->max, x[i]);
      widen(magnitude_of(x[i]));
      seen_->histogram.add(magnitude_of(x[i]));
    }
    seen_->channel_sums.clear();
  }

  BinCounts counts_;
  RunBins bins_;
  ValueStatistics* seen_ = nullptr;
  /// Of an element, to its bin.
  float scale_ = 1;
  /// Elements that are in `counts_` or `zeros_` only.
  int64_t uncounted_ = 0;
  uint64_t zeros_ = 0;
};

Accumulator::Accumulator() = default;
Accumulator::~Accumulator() = default;

void Accumulator::add(const float* elements, const AxisSplit& split,
                      std::span<ValueStatistics> shares) {
  const int64_t channels = split.count;
  const int64_t total = split.outer * channels * split.inner;
  if (total == 0) return;
  // Blocks depend on the shape alone, so that sums in float do as well.
  const bool rows = split.inner == 1;
  const int64_t block_rows = rows ? std::max(kBlockRows, kBlock / channels) : 0;
  const int64_t pieces = rows ? 1 : (split.inner + kBlock - 1) / kBlock;
  const int64_t blocks =
      rows ? (split.outer + block_rows - 1) / block_rows : split.outer * channels * pieces;

  const auto add_rows = [&](Part& part, int64_t block) {
    const int64_t first = block * block_rows;
    const int64_t count = std::min(block_rows, split.outer - first);
    const float* x = elements + first * channels;
    std::fill(part.row_sums.begin(), part.row_sums.end(), 0.0f);
    const int64_t run_rows = std::max<int64_t>(1, kRun / channels);
    for (int64_t row = 0; row < count; row += run_rows) {
      const int64_t now = std::min(run_rows, count - row);
      const float* start = x + row * channels;
      for (int64_t at = 0; at < now * channels; at += kRun) {
        part.count(start + at, std::min(kRun, now * channels - at));
      }
      tendon::add_rows(start, now, channels, part.row_sums.data());
    }
    for (int64_t i = 0; i < channels; ++i) {
      part.sum(static_cast<size_t>(i), part.row_sums[static_cast<size_t>(i)]);
    }
  };
  const auto add_piece = [&](Part& part, int64_t block) {
    const int64_t plane = block / pieces;
    const int64_t first = block % pieces * kBlock;
    const int64_t count = std::min(kBlock, split.inner - first);
    const float* x = elements + plane * split.inner + first;
    float sum = 0;
    for (int64_t at = 0; at < count; at += kRun) {
      const int64_t now = std::min(kRun, count - at);
      part.count(x + at, now);
      sum += sum_of(x + at, now);
    }
    part.sum(static_cast<size_t>(plane % channels), sum);
  };

  const int64_t wanted = std::min(blocks, static_cast<int64_t>(shares.size()));
  while (static_cast<int64_t>(parts_.size()) < wanted) parts_.push_back(std::make_unique<Part>());
  parallel_for(wanted, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      Part& part = *parts_[static_cast<size_t>(i)];
      part.start(shares[static_cast<size_t>(i)]);
      part.row_sums.resize(static_cast<size_t>(rows ? channels : 0));
      for (int64_t block = blocks * i / wanted; block < blocks * (i + 1) / wanted; ++block) {
        rows ? add_rows(part, block) : add_piece(part, block);
      }
      part.take_counts();
    }
  });
}

}  // namespace tendon
