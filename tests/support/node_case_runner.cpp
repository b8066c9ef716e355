// ONNX's tolerances, and which outcome an error stands for.
#include "support/node_case_runner.h"

#include <algorithm>
#include <cmath>
#include <ostream>

#include "backends/registry.h"
#include "base/data_type.h"
#include "engine/context.h"
#include "support/graphs.h"
#include "support/skips.h"

namespace tendon::testing {
namespace {

/// ONNX's own tolerances.
constexpr double kAbsolute = 1e-7;
/// Of narrow types the last bits, since cases round after each step of theirs.
double relative_of(DataType dtype) {
  return dtype == DataType::kBFloat16 ? 2e-2 : dtype == DataType::kFloat16 ? 2e-3 : 1e-3;
}

std::string difference(const Tensor& found, const Tensor& expected) {
  if (found.type() != expected.type()) {
    return fmt::format("is {}, expected {}", found.type(), expected.type());
  }
  const double relative = relative_of(found.dtype());
  const std::vector<double> a = to_doubles(found);
  const std::vector<double> b = to_doubles(expected);
  for (size_t i = 0; i < a.size(); ++i) {
    const bool equal = a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]));
    if (equal || std::fabs(a[i] - b[i]) <= kAbsolute + relative * std::fabs(b[i])) continue;
    return fmt::format("element {} is {}, expected {}", i, a[i], b[i]);
  }
  return "";
}

Outcome outcome_of(const Error& error) {
  const std::string_view message = error.what();
  if (error.kind() != ErrorKind::kUnsupported) return Outcome::kFailed;
  const auto holds = [&](std::string_view part) { return message.find(part) != message.npos; };
  if (holds("(domain ") || holds("holds a graph") || holds("chooses a branch")) {
    return Outcome::kOperatorNotInSet;
  }
  if (holds("element type ") || holds("input of kind ")) return Outcome::kTypeNotInSet;
  return Outcome::kFailed;
}

const Skip* find_skip(std::string_view name) {
  const auto matches = [&](const Skip& skip) {
    if (!skip.name.ends_with('*')) return skip.name == name;
    return name.starts_with(skip.name.substr(0, skip.name.size() - 1));
  };
  const auto* found = std::ranges::find_if(kSkips, matches);
  return found == std::end(kSkips) ? nullptr : found;
}

Result run_once(const NodeCase& node_case, const Runner& runner) {
  try {
    const ReadyCase ready = read_case(node_case);
    TensorMap inputs;
    for (const GraphInput& input : ready.graph.inputs()) {
      const std::string& name = ready.graph.value(input.value).name;
      inputs[name] = ready.inputs.at(name);
    }
    const TensorMap found = runner.run(ready.graph, inputs);
    for (const auto& [name, expected] : ready.outputs) {
      const std::string wrong = difference(found.at(name), expected);
      if (!wrong.empty()) return {Outcome::kFailed, fmt::format("output '{}' {}", name, wrong)};
    }
    return {Outcome::kPassed, ""};
  } catch (const Error& error) {
    return {outcome_of(error), error.what()};
  }
}

}  // namespace

std::vector<Runner> device_runners() {
  std::vector<Runner> result;
  for (Backend* backend : all_backends()) {
    if (backend->unavailable()) continue;
    const std::string device(backend->name());
    for (const bool optimise : {false, true}) {
      const auto run = [device, optimise](const Graph& graph, const TensorMap& inputs) {
        const BuildConfig config{.device = device, .optimise = optimise};
        return ExecutionContext(build_engine(graph, config, backends_for_device(device)))
            .infer(inputs);
      };
      result.push_back({optimise ? device + "_with_passes" : device, run});
    }
  }
  return result;
}

Runner loops_runner() { return {"loops", run_reference}; }

void PrintTo(const Runner& runner, std::ostream* stream) { *stream << runner.name; }

Result run_case(const NodeCase& node_case, const Runner& runner) {
  Result result = run_once(node_case, runner);
  if (find_skip(node_case.name) == nullptr) return result;
  if (result.outcome == Outcome::kFailed) return {Outcome::kSkipped, ""};
  return {Outcome::kFailed, "remove its row from skips.h; it passes or is not in the set"};
}

}  // namespace tendon::testing
