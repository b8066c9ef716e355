// What `tendon calibrate` says about its frames and its result.
#pragma once

#include <tendon/calibration.h>
#include <tendon/data.h>

#include <string>

#include "cli/output.h"

namespace tendon::cli {

/// How the sample covers the dataset: joints and cameras, with warnings for what stood still or was
/// black.
struct CoverageReport {
  Json json;
  std::string text;
};
CoverageReport coverage_report(const Observations& data, const Calibration& calibration);

Json json_from_calibration_result(const Calibration& calibration, const std::string& path);
std::string text_from_calibration_result(const Calibration& calibration, const std::string& path);

}  // namespace tendon::cli
