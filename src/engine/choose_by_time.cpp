#include "engine/choose_by_time.h"

#include <algorithm>

#include "engine/time_kernels.h"

namespace tendon {
namespace {

/// A row that offers, or did when its time was taken.
struct Offered {
  const Candidate* candidate;
  /// Null as long as its time alone is known.
  std::unique_ptr<Kernel> kernel;
  int64_t nanoseconds = 0;
};

/// The first of those that are fastest, as far as times can be told apart.
size_t fastest(const std::vector<Offered>& offers) {
  constexpr double kSame = 1.05;
  const int64_t least = std::ranges::min_element(offers, {}, &Offered::nanoseconds)->nanoseconds;
  return static_cast<size_t>(std::ranges::find_if(offers,
                                                  [&](const Offered& offer) {
                                                    return static_cast<double>(offer.nanoseconds) <=
                                                           kSame * static_cast<double>(least);
                                                  }) -
                             offers.begin());
}

void note_times(const std::vector<Offered>& offers, LayerRecord& record) {
  for (const Offered& offer : offers) {
    const std::string name = offer.candidate->name();
    // Rows for several operators may bear one name; all but one decline in the end.
    if (std::ranges::count(record.candidates, name, &TimedKernel::kernel) > 0) continue;
    record.candidates.push_back({name, offer.nanoseconds});
  }
}

}  // namespace

bool choose_by_time(std::span<const Candidate> candidates, const KernelRequest& request,
                    std::span<const size_t> reusable, Timing& timing, ChosenKernel& chosen) {
  if (!can_be_timed(request)) return false;
  const std::string key = timing_key(request, reusable);
  const TimingCache::Times* known = timing.cache.find(key);
  const auto known_time = [&](const Candidate& candidate) {
    if (known == nullptr) return int64_t{0};
    const auto found = known->find(candidate.name());
    return found == known->end() ? int64_t{0} : found->second;
  };
  std::vector<Decline>& declines = chosen.record.declines;
  std::vector<Offered> offers;
  bool all_known = true;
  for (const Candidate& candidate : candidates) {
    if (!candidate.backend->competes()) continue;
    // Elsewhere a layer costs copies as well, which depend on its neighbours.
    if (!offers.empty() && candidate.backend->device() != offers[0].candidate->backend->device()) {
      continue;
    }
    if (const int64_t time = known_time(candidate); time > 0) {
      offers.push_back({&candidate, nullptr, time});
    } else if (auto kernel = candidate.ask(request, declines)) {
      offers.push_back({&candidate, std::move(kernel), 0});
      all_known = false;
    }
  }
  if (!all_known) {
    std::erase_if(offers, [&](Offered& offer) {
      if (offer.kernel == nullptr) offer.kernel = offer.candidate->ask(request, declines);
      return offer.kernel == nullptr;
    });
    if (offers.size() > 1) {
      std::vector<const Kernel*> kernels;
      for (const Offered& offer : offers) kernels.push_back(offer.kernel.get());
      KernelRequest on_device = request;
      on_device.device = offers[0].candidate->backend->device();
      const std::vector<int64_t> times = time_kernels(on_device, kernels, reusable);
      TimingCache::Times entry;
      for (size_t i = 0; i < offers.size(); ++i) {
        offers[i].nanoseconds = times[i];
        entry[offers[i].candidate->name()] = times[i];
      }
      timing.cache.add(key, entry);
      ++timing.timed;
      note_times(offers, chosen.record);
    }
  } else if (!offers.empty()) {
    ++timing.known;
    note_times(offers, chosen.record);
  }
  while (!offers.empty()) {
    const size_t best = fastest(offers);
    Offered& offer = offers[best];
    if (offer.kernel == nullptr) offer.kernel = offer.candidate->ask(request, declines);
    if (offer.kernel != nullptr) {
      offer.candidate->take(std::move(offer.kernel), chosen);
      return true;
    }
    offers.erase(offers.begin() + static_cast<int64_t>(best));
  }
  return false;
}

}  // namespace tendon
