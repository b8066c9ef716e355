// What the log of a build says, in Polygraphy's manner.
#pragma once

#include "engine/engine.h"

namespace tendon {

/// Profiles and the configuration table, before the work starts.
void log_configuration(const EngineParts& parts, const BuildConfig& config);
/// Passes, precisions, memory and time; with `explain` every layer's kernel and who declined.
void log_result(const CompiledEngine& engine, bool explain);

}  // namespace tendon
