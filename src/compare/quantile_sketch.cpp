#include "compare/quantile_sketch.h"

#include <algorithm>
#include <bit>

#include "base/format.h"
#include "compare/statistics.h"

namespace tendon {
namespace {

uint16_t key_of(float value) { return static_cast<uint16_t>(std::bit_cast<uint32_t>(value) >> 16); }
double lower_end(uint32_t key) { return std::bit_cast<float>(key << 16); }

}  // namespace

void QuantileSketch::add(float value) {
  ++count_;
  if (!binned_ && exact_.size() < capacity_) {
    exact_.push_back(value);
    return;
  }
  use_bins();
  add_to_bin(key_of(value), 1);
}

void QuantileSketch::merge(const QuantileSketch& other) {
  count_ += other.count_;
  if (!binned_ && !other.binned_) {
    exact_.insert(exact_.end(), other.exact_.begin(), other.exact_.end());
    return;
  }
  use_bins();
  for (const float value : other.exact_) add_to_bin(key_of(value), 1);
  for (const Bin& bin : other.bins_) add_to_bin(bin.key(), bin.count());
}

void QuantileSketch::use_bins() {
  if (binned_) return;
  binned_ = true;
  for (const float value : exact_) add_to_bin(key_of(value), 1);
  exact_ = {};
}

void QuantileSketch::add_to_bin(uint16_t key, uint64_t count) {
  const auto at =
      std::lower_bound(bins_.begin(), bins_.end(), key,
                       [](const Bin& bin, uint16_t wanted) { return bin.key() < wanted; });
  if (at != bins_.end() && at->key() == key) {
    at->add(count);
  } else {
    bins_.insert(at, Bin(key, count));
  }
}

double QuantileSketch::binned_value(double rank) const {
  double before = 0;
  for (const Bin& bin : bins_) {
    const auto inside = static_cast<double>(bin.count());
    const uint32_t key = bin.key();
    if (rank < before + inside) {
      const double share = (rank - before + 0.5) / inside;
      return lower_end(key) + share * (lower_end(key + 1) - lower_end(key));
    }
    before += inside;
  }
  return lower_end(bins_.back().key() + 1u);
}

double QuantileSketch::quantile(double quantile) const {
  TENDON_ASSERT(count_ > 0);
  if (binned_) return binned_value(quantile * static_cast<double>(count_ - 1));
  std::vector<double> sorted(exact_.begin(), exact_.end());
  std::sort(sorted.begin(), sorted.end());
  return quantile_of_sorted(sorted, quantile);
}

}  // namespace tendon
