// Which layers must leave INT8 before a judge is content, one binary search a layer.
#include <tendon/loaders.h>
#include <tendon/precision_search.h>

#include "base/log.h"
#include "compare/int8_layers.h"
#include "compare/quietly.h"

namespace tendon {
namespace {

using Layers = std::vector<std::string>;

/// A smallest set that passes, where adding to a set that passes gives one that passes: the last
/// layer of the shortest prefix that passes is needed, then the last one of the shortest prefix
/// that passes together with it, and so on. `passes` says yes of all of `candidates`.
Layers least_of(Layers candidates, const std::function<bool(const Layers&)>& passes) {
  Layers needed;
  while (true) {
    const auto with_prefix = [&](size_t size) {
      Layers layers = needed;
      layers.insert(layers.end(), candidates.begin(),
                    candidates.begin() + static_cast<int64_t>(size));
      return layers;
    };
    size_t too_few = 0;
    size_t enough = candidates.size();
    if (enough == 0 || (!needed.empty() && passes(needed))) return needed;
    while (enough - too_few > 1) {
      const size_t middle = (too_few + enough) / 2;
      (passes(with_prefix(middle)) ? enough : too_few) = middle;
    }
    needed.push_back(candidates[enough - 1]);
    candidates.resize(enough - 1);
  }
}

}  // namespace

RaisedLayers raise_until(const Network& network, EngineConfig config,
                         const std::function<bool(const Engine& engine)>& passes) {
  config.int8_layers.reset();
  config = for_trials(std::move(config));
  const auto build = [&](const EngineConfig& chosen) {
    return quietly([&] { return engine_from_network(network, chosen); });
  };
  RaisedLayers result;
  const auto judge = [&](const Engine& engine, size_t raised) {
    ++result.trials;
    const bool passed = passes(engine);
    log_info("Trial {}: {} INT8 layer(s), {} raised: {}", result.trials,
             engine.int8_layers().size(), raised, passed ? "passed" : "failed");
    return passed;
  };
  Engine recipe = build(config);
  const std::set<std::string> recipe_layers = recipe.int8_layers();
  const Layers all(recipe_layers.begin(), recipe_layers.end());
  if (all.empty()) fail(ErrorKind::kUsage, "raise_until: the recipe has no layer in INT8");
  if (judge(recipe, 0)) {
    result.engine = std::move(recipe);
    return result;
  }
  const auto without = [&](const Layers& raised) {
    std::set<std::string> layers = recipe_layers;
    for (const std::string& layer : raised) layers.erase(layer);
    return build(with_int8_layers(config, std::move(layers)));
  };
  const std::function<bool(const Layers&)> passes_without = [&](const Layers& raised) {
    Engine engine = without(raised);
    const bool passed = judge(engine, raised.size());
    // Every set that passes after another is smaller.
    if (passed) result.engine = std::move(engine);
    return passed;
  };
  if (!passes_without(all)) {
    fail(ErrorKind::kCheckFailed,
         "the check fails even without INT8, so precision is not its reason");
  }
  result.layers = least_of(all, passes_without);
  return result;
}

}  // namespace tendon
