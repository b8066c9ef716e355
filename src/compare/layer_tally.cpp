#include "compare/layer_tally.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/data_type.h"
#include "base/format.h"

namespace tendon {
namespace {

bool is_code(DataType type) { return type == DataType::kInt8 || type == DataType::kUInt8; }

double decibel(double signal, double noise) {
  if (noise <= 0) return std::numeric_limits<double>::infinity();
  return signal <= 0 ? -std::numeric_limits<double>::infinity() : 10 * std::log10(signal / noise);
}

}  // namespace

void LayerTally::add(const Tensor& tested, const Tensor& reference) {
  TENDON_ASSERT(tested.size() == reference.size());
  dtype_ = tested.dtype();
  const Tensor values = cast(reference, DataType::kFloat32);
  const auto r = values.data<float>();
  visit_type(dtype_, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto t = tested.data<T>();
    for (size_t i = 0; i < t.size(); ++i) {
      const auto a = static_cast<double>(t[i]);
      const auto b = static_cast<double>(r[i]);
      sum_t_ += a;
      sum_r_ += b;
      sum_tt_ += a * a;
      sum_rr_ += b * b;
      sum_tr_ += a * b;
      noise_ += (a - b) * (a - b);
    }
    if constexpr (std::is_same_v<T, int8_t> || std::is_same_v<T, uint8_t>) {
      constexpr int kFirst = std::is_same_v<T, int8_t> ? 128 : 0;
      for (size_t i = 0; i < t.size(); ++i) {
        ++codes_[static_cast<size_t>(t[i] + kFirst)];
        below_zero_ += t[i] == 0 && r[i] < 0 ? 1 : 0;
      }
    }
    count_ += static_cast<double>(t.size());
  });
}

double LayerTally::residual() const {
  const double tt = sum_tt_ - sum_t_ * sum_t_ / count_;
  const double rr = sum_rr_ - sum_r_ * sum_r_ / count_;
  const double tr = sum_tr_ - sum_t_ * sum_r_ / count_;
  return tt <= 0 ? rr : std::max(rr - tr * tr / tt, 0.0);
}

void LayerTally::finish(LayerDifference& difference) const {
  difference.dtype = dtype_;
  if (count_ == 0) return;
  const double noise = is_code(dtype_) ? residual() : noise_;
  difference.snr_db = decibel(sum_rr_, noise);
  if (!is_code(dtype_)) {
    const double norms = std::sqrt(sum_tt_) * std::sqrt(sum_rr_);
    difference.cosine = norms > 0 ? sum_tr_ / norms : sum_tt_ == sum_rr_ ? 1 : 0;
    return;
  }
  // The fitted values' projection on the reference.
  difference.cosine = sum_rr_ > 0 ? std::sqrt(std::max(1 - noise / sum_rr_, 0.0)) : 1;
  uint64_t at_ends = codes_[255];
  if (dtype_ == DataType::kInt8) at_ends += codes_[0] + codes_[1];
  if (dtype_ == DataType::kUInt8) at_ends += below_zero_;
  difference.saturated = static_cast<double>(at_ends) / count_;
  difference.codes_used = static_cast<double>(256 - std::ranges::count(codes_, uint64_t{0})) / 256;
}

}  // namespace tendon
