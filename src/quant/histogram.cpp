#include "quant/histogram.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "quant/counting.h"

namespace tendon {

int Histogram::exponent_for(float magnitude) {
  int exponent = 0;
  std::frexp(magnitude, &exponent);
  return magnitude == 0 ? kMinExponent : std::max(exponent, kMinExponent);
}

double Histogram::range() const { return std::ldexp(1.0, exponent_); }

uint64_t Histogram::total() const {
  return std::accumulate(counts_.begin(), counts_.end(), uint64_t{0});
}

int Histogram::used_bins() const {
  int used = kBins;
  while (used > 0 && count(used - 1) == 0) --used;
  return used;
}

double Histogram::edge_covering(double share) const {
  const double wanted = share * static_cast<double>(total());
  uint64_t below = 0;
  const int used = used_bins();
  for (int bin = 0; bin < used; ++bin) {
    below += count(bin);
    if (static_cast<double>(below) >= wanted) return bin_width() * (bin + 1);
  }
  return bin_width() * used;
}

size_t Histogram::bin_of(float magnitude) const {
  // A product by a power of two is exact, so no element ever changes its side of an edge.
  return static_cast<size_t>(std::ldexp(static_cast<double>(magnitude), 11 - exponent_));
}

void Histogram::take(BinCounts& counts) { counts.take(counts_); }

void Histogram::widen(int exponent) {
  if (exponent <= exponent_) return;
  // After as many halvings every bin's content is in bin 0.
  const int halvings = std::min(exponent - exponent_, 11);
  const auto merged = size_t{1} << halvings;
  for (size_t bin = 0; bin < counts_.size() / merged; ++bin) {
    uint64_t sum = 0;
    for (size_t i = 0; i < merged; ++i) sum += counts_[bin * merged + i];
    counts_[bin] = sum;
  }
  std::fill(counts_.begin() + static_cast<int64_t>(counts_.size() / merged), counts_.end(), 0);
  exponent_ = exponent;
}

void Histogram::merge(const Histogram& other) {
  if (other.exponent_ <= exponent_) {
    if (other.exponent_ == exponent_) {
      add_counts(counts_.data(), other.counts_.data(), kBins);
      return;
    }
    Histogram widened = other;
    widened.widen(exponent_);
    merge(widened);
    return;
  }
  widen(other.exponent_);
  merge(other);
}

}  // namespace tendon
