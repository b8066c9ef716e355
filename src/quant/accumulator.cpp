// One walk through memory: each small run of elements is looked at for its extremes, counted into
// bins and summed while it is in the nearest cache.
#include "quant/accumulator.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "base/parallel.h"

namespace tendon {
namespace {

/// Elements that are counted at a time, so that they stay in the first-level cache.
constexpr int64_t kRun = 2048;
/// Elements that are summed in float before they enter an exact sum, at least.
constexpr int64_t kBlock = 8192;
/// Rows of channels in a block, at least.
constexpr int64_t kBlockRows = 64;
/// Independent lanes that a compiler turns into vectors.
constexpr int64_t kLanes = 16;
/// Neighbouring elements often fall into the same bin; counting them apart spares the wait for the
/// store before.
constexpr int kCopies = 4;

float magnitude_of(float x) {
  return std::bit_cast<float>(std::bit_cast<uint32_t>(x) & 0x7fffffff);
}

struct Extremes {
  float min = std::numeric_limits<float>::infinity();
  float max = -std::numeric_limits<float>::infinity();
  int64_t zeros = 0;
  int64_t non_finite = 0;
};

/// Of `count` elements; NaN is neither smaller nor larger than anything.
Extremes extremes_of(const float* x, int64_t count) {
  std::array<float, kLanes> least;
  std::array<float, kLanes> most;
  std::array<int32_t, kLanes> zeros{};
  std::array<int32_t, kLanes> finite{};
  least.fill(std::numeric_limits<float>::infinity());
  most.fill(-std::numeric_limits<float>::infinity());
  const int64_t whole = count / kLanes * kLanes;
  for (int64_t i = 0; i < whole; i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) {
      const float value = x[i + static_cast<int64_t>(lane)];
      least[lane] = value < least[lane] ? value : least[lane];
      most[lane] = value > most[lane] ? value : most[lane];
      zeros[lane] += value == 0 ? 1 : 0;
      finite[lane] += magnitude_of(value) <= std::numeric_limits<float>::max() ? 1 : 0;
    }
  }
  Extremes found;
  found.non_finite = count;
  const auto take = [&](float low, float high, int64_t zero, int64_t good) {
    found.min = std::min(found.min, low);
    found.max = std::max(found.max, high);
    found.zeros += zero;
    found.non_finite -= good;
  };
  for (size_t lane = 0; lane < kLanes; ++lane) {
    take(least[lane], most[lane], zeros[lane], finite[lane]);
  }
  for (int64_t i = whole; i < count; ++i) {
    const bool good = std::isfinite(x[i]);
    take(good ? x[i] : found.min, good ? x[i] : found.max, x[i] == 0 ? 1 : 0, good ? 1 : 0);
  }
  return found;
}

/// Whether all elements are k/255 up to the last place.
bool are_bytes(const float* x, int64_t count) {
  int32_t wrong = 0;
  for (int64_t i = 0; i < count; ++i) {
    const float scaled = x[i] * 255.0f;
    // Adding and taking away 2^23 rounds to an integer.
    const float rounded = (scaled + 0x1p23f) - 0x1p23f;
    wrong += std::fabs(scaled - rounded) <= 3e-5f && scaled >= 0 && scaled <= 255.5f ? 0 : 1;
  }
  return wrong == 0;
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

void add_row(const float* row, float* sums, int64_t channels) {
  for (int64_t i = 0; i < channels; ++i) sums[i] += row[i];
}

}  // namespace

/// What one thread counts.
struct Accumulator::Part {
  std::array<std::array<uint32_t, Histogram::kBins>, kCopies> counts{};
  std::array<int32_t, kRun> bins;
  std::vector<float> row_sums;
  /// Beside the sums the histogram of what did not fit `counts` any more.
  ValueStatistics seen;

  void start(const ValueStatistics& target) {
    seen.reset(target.channel_sums.size(), target.byte_exact, target.histogram.exponent());
  }

  void flush() {
    for (int bin = 0; bin < Histogram::kBins; ++bin) {
      uint64_t sum = 0;
      for (auto& copy : counts) sum += std::exchange(copy[static_cast<size_t>(bin)], 0);
      seen.histogram.add_to_bin(bin, sum);
    }
    uncounted_ = 0;
  }

  void widen(float magnitude) {
    const int exponent = Histogram::exponent_for(magnitude);
    if (exponent <= seen.histogram.exponent()) return;
    flush();
    seen.histogram.widen(exponent);
  }

  /// At most kRun elements.
  void count(const float* x, int64_t n) {
    const Extremes found = extremes_of(x, n);
    if (found.non_finite > 0) return count_finite(x, n);
    seen.min = std::min(seen.min, found.min);
    seen.max = std::max(seen.max, found.max);
    if (seen.byte_exact) seen.byte_exact = are_bytes(x, n);
    seen.zeros += static_cast<uint64_t>(found.zeros);
    seen.count += static_cast<uint64_t>(n);
    widen(std::max(found.max, -found.min));
    const float scale = std::ldexp(1.0f, 11 - seen.histogram.exponent());
    for (int64_t i = 0; i < n; ++i) {
      bins[static_cast<size_t>(i)] = static_cast<int32_t>(magnitude_of(x[i]) * scale);
    }
    int64_t i = 0;
    for (; i + kCopies <= n; i += kCopies) {
      for (size_t copy = 0; copy < kCopies; ++copy) {
        ++counts[copy][static_cast<size_t>(bins[static_cast<size_t>(i) + copy])];
      }
    }
    for (; i < n; ++i) ++counts[0][static_cast<size_t>(bins[static_cast<size_t>(i)])];
    uncounted_ += n;
    if (uncounted_ > int64_t{1} << 30) flush();
  }

  void sum(size_t channel, float term) {
    if (seen.channel_sums.empty()) return;
    if (!seen.channel_sums[channel].add(static_cast<double>(term))) seen.channel_sums.clear();
  }

 private:
  /// A run that holds NaN or infinity.
  void count_finite(const float* x, int64_t n) {
    for (int64_t i = 0; i < n; ++i) {
      if (!std::isfinite(x[i])) {
        ++seen.non_finite;
        continue;
      }
      ++seen.count;
      seen.zeros += x[i] == 0 ? 1 : 0;
      seen.min = std::min(seen.min, x[i]);
      seen.max = std::max(seen.max, x[i]);
      widen(magnitude_of(x[i]));
      seen.histogram.add(magnitude_of(x[i]));
    }
    seen.channel_sums.clear();
  }

  int64_t uncounted_ = 0;
};

Accumulator::Accumulator() = default;
Accumulator::~Accumulator() = default;

void Accumulator::add(const float* elements, const AxisSplit& split, ValueStatistics& statistics) {
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
      for (int64_t i = 0; i < now; ++i) {
        add_row(start + i * channels, part.row_sums.data(), channels);
      }
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

  const int64_t wanted = std::min<int64_t>(blocks, thread_count());
  while (static_cast<int64_t>(parts_.size()) < wanted) parts_.push_back(std::make_unique<Part>());
  parallel_for(wanted, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      Part& part = *parts_[static_cast<size_t>(i)];
      part.start(statistics);
      part.row_sums.resize(static_cast<size_t>(rows ? channels : 0));
      for (int64_t block = blocks * i / wanted; block < blocks * (i + 1) / wanted; ++block) {
        rows ? add_rows(part, block) : add_piece(part, block);
      }
      part.flush();
    }
  });
  for (int64_t i = 0; i < wanted; ++i) statistics.merge(parts_[static_cast<size_t>(i)]->seen);
}

}  // namespace tendon
