// With P the clipped counts and Q those shared out evenly over the occupied bins of each step,
// KL(P, Q) = sum p log p - sum of a step's p * log(its mean) + log(inside / total); prefix sums
// give each part for every cut, so a cut costs one logarithm a step.
#include "quant/information_loss.h"

#include <cmath>
#include <limits>
#include <vector>

namespace tendon {
namespace {

/// What Q counts where it has nothing and P has outliers.
constexpr double kAlmostNothing = 1e-4;

double x_log_x(double x) { return x > 0 ? x * std::log(x) : 0; }

/// Sums over the first n bins.
struct Prefix {
  std::vector<double> counts{0};
  std::vector<double> occupied{0};
  std::vector<double> log_terms{0};

  explicit Prefix(std::span<const uint64_t> bins) {
    for (const uint64_t bin : bins) {
      const auto count = static_cast<double>(bin);
      counts.push_back(counts.back() + count);
      occupied.push_back(occupied.back() + (count > 0 ? 1 : 0));
      log_terms.push_back(log_terms.back() + x_log_x(count));
    }
  }
};

/// KL of cutting after `cut` bins, times the total.
double divergence(const Prefix& prefix, size_t cut, size_t levels) {
  const double total = prefix.counts.back();
  const double inside = prefix.counts[cut];
  const double outside = total - inside;
  const double last = prefix.counts[cut] - prefix.counts[cut - 1];
  double loss = prefix.log_terms[cut - 1] + x_log_x(last + outside);
  for (size_t level = 0; level < levels; ++level) {
    const size_t begin = level * cut / levels;
    const size_t end = (level + 1) * cut / levels;
    const double sum = prefix.counts[end] - prefix.counts[begin];
    double occupied = prefix.occupied[end] - prefix.occupied[begin];
    double mass = sum;
    if (end == cut) {
      mass += outside;
      if (last == 0 && outside > 0) ++occupied;
    }
    if (mass == 0) continue;
    loss -= mass * std::log(sum == 0 ? kAlmostNothing : sum / occupied);
  }
  return loss + total * std::log(inside / total);
}

}  // namespace

int least_information_loss(std::span<const uint64_t> counts, int levels) {
  const Prefix prefix(counts);
  const size_t steps = static_cast<size_t>(levels) + 1;
  size_t best = counts.size();
  double least = std::numeric_limits<double>::infinity();
  for (size_t cut = steps; cut <= counts.size(); ++cut) {
    const double loss = divergence(prefix, cut, steps);
    // Of equal losses the wider range: nothing is clipped without a gain.
    if (loss <= least) {
      least = loss;
      best = cut;
    }
  }
  return static_cast<int>(best);
}

}  // namespace tendon
