// Which tensors of a checkpoint an ACT network uses, which are known to be dead, and what is wrong.
#pragma once

#include <string>
#include <vector>

#include "policy/act.h"

namespace tendon {

/// A part of the policy that the action does not depend on.
struct DeadPart {
  std::string name;
  int64_t tensors = 0;
  int64_t elements = 0;
};

struct ActReport {
  int64_t used_tensors = 0;
  int64_t used_elements = 0;
  std::vector<DeadPart> dead;
  /// Tensors that neither the network nor a dead part explains.
  std::vector<std::string> unknown;
  /// Tensors that are missing or have another shape than the rest asks for.
  std::vector<std::string> problems;
};

/// Also sets the channel counts of the backbones.
ActReport audit_act(Act& act, const StateDict& weights);

/// Throws Error{kBadInput} naming what is missing or odd, and Error{kUnsupported} for networks that
/// are more than ACT: then leaving out what is unknown would make another network.
void require_exportable(const Act& act, const ActReport& report, const std::string& source);

}  // namespace tendon
