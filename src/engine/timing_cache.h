// Times of kernels on one machine, kept from build to build.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "engine/kernel.h"

namespace tendon {

class TimingCache {
 public:
  /// Nanoseconds of one run by backend and kernel, such as {"cpu/onednn:conv", 1'234'000}.
  using Times = std::map<std::string, int64_t, std::less<>>;

  /// `machine`: all that times depend on beside the layer.
  explicit TimingCache(std::string machine) : machine_(std::move(machine)) {}

  /// Null where the layer was never timed.
  const Times* find(const std::string& layer) const;
  /// Times that are there already are replaced.
  void add(const std::string& layer, const Times& times);
  size_t size() const { return layers_.size(); }

  /// Takes over the times of layers and kernels that are not here yet. False, taking nothing, where
  /// they are another machine's. Throws Error{kBadInput} naming `name`, the place, what was found
  /// and what was expected.
  bool merge(std::string_view text, std::string_view name);
  std::string to_text() const;

  /// merge() with a file, if it exists; a warning says so where it is another machine's.
  void load(const std::string& path);
  /// Writes the file whole, with what others have added to it meanwhile.
  void save(const std::string& path) const;

 private:
  std::string machine_;
  std::map<std::string, Times> layers_;
};

/// The processor, what the backends say of themselves, and the version of Tendon.
std::string machine_of(std::span<Backend* const> backends);

/// What a layer's time depends on: operator and attributes, but for the values of factors; types,
/// which inputs are constant; threads; what kernels may do. `reusable`: the inputs that nobody
/// reads later.
std::string timing_key(const KernelRequest& request, std::span<const size_t> reusable);

}  // namespace tendon
