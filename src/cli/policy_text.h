// What a checkpoint's policy is, as text and as JSON.
#pragma once

#include <string>

#include "cli/output.h"
#include "policy/checkpoint.h"

namespace tendon::cli {

/// A few lines: architecture, decoder output, parameters used and left out.
std::string policy_text(const PolicyCheckpoint& checkpoint, const ActReport& report);
Json policy_json(const PolicyCheckpoint& checkpoint, const ActReport& report);

/// What a user should look at: contradictions, unknown tensors, dead layers, unusual choices.
std::vector<std::string> unusual_things(const PolicyCheckpoint& checkpoint,
                                        const ActReport& report);

}  // namespace tendon::cli
