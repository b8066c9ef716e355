// The same build with other layers in INT8, for searches.
#pragma once

#include <tendon/engine.h>

#include <set>
#include <string>

namespace tendon {

/// Exactly `layers`: what the configuration forces to INT8 is a layer like the others to a search.
inline EngineConfig with_int8_layers(EngineConfig config, std::set<std::string> layers) {
  std::erase_if(config.layer_precisions,
                [](const auto& entry) { return entry.second == DataType::kInt8; });
  config.int8_layers = std::move(layers);
  return config;
}

/// For builds that are only judged: they differ by precision alone, and nothing waits for times.
inline EngineConfig for_trials(EngineConfig config) {
  config.tactics = false;
  config.timing_cache.clear();
  config.load_tactics.clear();
  config.save_tactics.clear();
  return config;
}

}  // namespace tendon
