// The parts of the page, in the order in which they stand on it.
#pragma once

#include <tendon/report.h>

#include <string>

namespace tendon::report {

/// What can be said at once: passed or not, and one sentence on each engine.
std::string verdict_section(const ComparisonReport& report);
/// How fast, how large, how wrong.
std::string engines_section(const ComparisonReport& report);
/// Errors by joint and by step of the chunk.
std::string joints_section(const ComparisonReport& report);
/// Errors against what the human did, and where it matters most.
std::string recorded_section(const ComparisonReport& report);
/// Trajectories as executed.
std::string execution_section(const ComparisonReport& report);
/// The worst frames as pictures.
std::string frames_section(const ComparisonReport& report);
/// How activations are spread, and the ranges that calibration chose.
std::string histograms_section(const ComparisonReport& report);
/// Every layer: precision, kernel, time, signal-to-noise ratio.
std::string layers_section(const ComparisonReport& report);
/// Each layer under what the processor and its memory allow; empty where that was not measured.
std::string roofline_section(const ComparisonReport& report);
/// How to make this page again.
std::string repeat_section(const ComparisonReport& report);

/// The style sheet.
extern const char* const kStyle;

/// Position of a runner in the report, by name; its colour follows from it.
size_t position_of_runner(const ComparisonReport& report, const std::string& name);
/// One entry for each runner in `names`, with its colour.
std::string legend(const ComparisonReport& report, const std::vector<std::string>& names,
                   bool with_recorded = false);

}  // namespace tendon::report
