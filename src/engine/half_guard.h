// The guard of float16: who judges which layers it would harm.
#pragma once

#include "engine/engine.h"
#include "engine/half_precision.h"

namespace tendon {

/// The error in half_errors() that is let pass. Layers of trained policies had up to 0.0005, to
/// which bfloat16 adds eight times as much: beyond this even bfloat16 would serve a usual layer
/// better.
inline constexpr double kLargestHalfError = 0.005;

/// Objects to layers whose error is larger, measured on the evidence's frames, and where rounding
/// what they read is enough for that, to those that make it. To none, which -v says, where there
/// are no frames or they do not fit.
HalfJudge judge_by_errors(const HalfEvidence& evidence, int threads);
/// Objects to layers by name; the names must outlive it.
HalfJudge judge_by_names(const std::map<std::string, std::string>& reasons);

}  // namespace tendon
