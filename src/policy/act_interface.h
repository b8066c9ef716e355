// Which inputs and outputs a checkpoint's network gets.
#pragma once

#include "policy/act_network.h"
#include "policy/checkpoint.h"

namespace tendon {

/// Throws Error{kUsage} saying which option is missing or contradicts the checkpoint, and
/// Error{kBadInput} when statistics do not fit.
ActInterface interface_of(const PolicyCheckpoint& checkpoint, const CheckpointOptions& options);

}  // namespace tendon
