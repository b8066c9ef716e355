// LeRobot's processor files: the normalisation steps before and after the policy.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "policy/lerobot.h"

namespace tendon {

/// "VISUAL": "MEAN_STD", … from a JSON object.
std::map<std::string, NormalizationMode, std::less<>> modes_from_json(const Json& modes,
                                                                      const std::string& place);

/// Fills `before`, `after` and `other_steps` from the processor files, or from the buffers of
/// older checkpoints, whose modes are `modes`. Leaves both empty where there are neither.
void read_normalization(LeRobotPolicy& policy, const std::string& folder, const StateDict& weights,
                        const std::map<std::string, NormalizationMode, std::less<>>& modes);

}  // namespace tendon
