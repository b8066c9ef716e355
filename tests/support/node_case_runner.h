// Runs the ONNX project's operator cases one way or another and says how each ended.
#pragma once

#include <tendon/log.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "support/node_cases.h"

namespace tendon::testing {

/// One way to run a graph.
struct Runner {
  std::string name;
  std::function<TensorMap(const Graph& graph, const TensorMap& inputs)> run;
};

/// Each device of this machine as it is and behind all passes.
std::vector<Runner> device_runners();
/// The plain loops, without an engine.
Runner loops_runner();
void PrintTo(const Runner& runner, std::ostream* stream);

/// Keeps the reports of a thousand builds out of the output.
class QuietLog {
 public:
  QuietLog() { Logger::global().set_severity(Severity::kError); }
  ~QuietLog() { Logger::global().set_severity(severity_); }
  QuietLog(const QuietLog&) = delete;
  QuietLog& operator=(const QuietLog&) = delete;

 private:
  Severity severity_ = Logger::global().severity();
};

enum class Outcome { kPassed, kFailed, kSkipped, kOperatorNotInSet, kTypeNotInSet };
inline constexpr size_t kOutcomes = 5;

struct Result {
  Outcome outcome;
  std::string message;
};

/// Runs a case under ONNX's own tolerances. A case with a row in skips.h that passes, or that fails
/// for lack of an operator, has failed.
Result run_case(const NodeCase& node_case, const Runner& runner);

}  // namespace tendon::testing
