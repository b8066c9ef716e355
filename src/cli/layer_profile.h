// The time of each layer of an engine, and how near it is to what the CPU can do.
#pragma once

#include <tendon/runner.h>

#include <optional>
#include <string>
#include <vector>

#include "base/cpu_peak.h"
#include "cli/output.h"

namespace tendon::cli {

struct LayerTime {
  LayerInfo layer;
  double seconds = 0;  ///< median over the profiled runs

  /// Operations a second, 2 a multiply-add of the direct algorithm.
  double operations() const;
  /// Bytes a second, if each is moved once.
  double bytes() const;
};

struct LayerProfile {
  std::vector<LayerTime> layers;
  /// Of the threads that the layers ran on; none on a device but the CPU.
  std::optional<CpuPeak> peak;

  double seconds() const;
  /// Of what the CPU can do in the layer's precision; none where there is no peak for it.
  std::optional<double> share_of_peak(const LayerTime& time) const;
};

/// `threads` is 0 for those that the engine was built for.
LayerProfile profile_layers(EngineRunner& runner, const std::vector<TensorMap>& items, size_t runs,
                            int threads);

std::string as_text(const LayerProfile& profile);
/// Members "layers" and, on a CPU, "peak".
Json as_json(const LayerProfile& profile);
/// Chrome's trace format: one complete event a layer, laid end to end, in microseconds.
void write_trace(const std::string& path, const LayerProfile& profile);

}  // namespace tendon::cli
