// What must hold for any state dict: it is refused with a reason, or its network is consistent.
#pragma once

#include <cstdlib>

#include "base/log.h"
#include "ir/infer.h"
#include "policy/act_audit.h"
#include "policy/act_network.h"

namespace tendon::fuzz {

/// Aborts when the call ends in an error that only a defect of Tendon's explains.
template <class Call>
void expect_no_defect(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kInternal) return;
    Logger::global().log(Severity::kCritical, error.what());
    std::abort();
  }
}

inline void check_policy(const StateDict& weights) {
  Act act = act_from_state_dict(weights);
  const ActReport report = audit_act(act, weights);
  require_exportable(act, report, "fuzz");
  act.heads = act.hidden % 8 == 0 ? 8 : 1;
  ActInterface interface;
  interface.environment = "environment";
  if (!act.backbones.empty()) {
    interface.cameras.assign(act.backbones.size(), {"camera", 33, 40, {}});
  }
  if (act.state == 0 && act.environment == 0 && interface.cameras.empty()) return;
  Graph graph = graph_from_act(act, weights, interface);
  // What the audit lets pass must fit together.
  try {
    bind_inputs(graph, {});
  } catch (const Error& error) {
    Logger::global().log(Severity::kCritical, error.what());
    std::abort();
  }
}

}  // namespace tendon::fuzz
