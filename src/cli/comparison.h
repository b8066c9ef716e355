// Runs a comparison as its options say, and prints what it found.
#pragma once

#include <tendon/report.h>

#include "cli/compare_options.h"
#include "cli/output.h"

namespace tendon::cli {

/// What one run found: the report, and the verdicts on all outputs.
struct ComparisonOutcome {
  ComparisonReport report;
  AccuracyResult accuracy;
};

/// `command` is the call as the user typed it.
ComparisonOutcome run_comparison(const CompareOptions& options, const std::string& command);

std::string text_from_report(const ComparisonReport& report);
Json json_from_outcome(const ComparisonOutcome& outcome);

}  // namespace tendon::cli
