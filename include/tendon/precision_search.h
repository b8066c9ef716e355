// Which layers may be INT8 so that the actions stay within a limit, found by measuring.
#pragma once

#include <tendon/compare_actions.h>
#include <tendon/engine.h>

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tendon {

/// How far an engine's actions may be from float32's: the 99th percentile of the absolute errors
/// over frames and chunk steps. At least one member must be set.
struct ErrorBudget {
  /// In rad, over all revolute joints together (over all joints where none is in rad).
  std::optional<double> all = std::nullopt;
  /// By joint, in its unit.
  std::map<std::string, double> joints = {};
  /// For each joint, in standard deviations of the training actions.
  std::optional<double> deviations = std::nullopt;
};
/// From "0.002", "left_elbow=0.01" and "5%" (of each joint's deviation), which add up. Throws
/// Error{kUsage} for another form or a value that is not above 0.
ErrorBudget error_budget_from_texts(std::span<const std::string> texts);
/// The largest share of the budget that the errors use; at most 1 is within it. Throws
/// Error{kUsage} for a joint that does not exist.
double share_of_budget(const ActionComparison& errors, const ErrorBudget& budget);

/// What quantizing one layer alone does.
struct LayerSensitivity {
  std::string layer;
  double share = 0;         ///< of the budget
  double milliseconds = 0;  ///< saved by INT8; negative where INT8 is slower
};

/// An engine that was built and measured on the way.
struct PrecisionTrial {
  size_t int8_layers = 0;
  double share = 0;
  double milliseconds = 0;  ///< least time of a run
  size_t weight_bytes = 0;
};

struct PrecisionSearchResult {
  /// To be INT8, by node name.
  std::set<std::string> int8_layers;
  /// Raised to higher precision, in the order in which they were.
  std::vector<std::string> raised;
  /// Most harmful first; empty where all layers of the recipe fit the budget.
  std::vector<LayerSensitivity> sensitivities;
  /// From all layers of the recipe to the last one, which is within the budget.
  std::vector<PrecisionTrial> trials;
};
/// The trials as a table, and the layers that were raised.
std::string to_text(const PrecisionSearchResult& result);

/// Starts from the recipe's INT8 layers, measures each alone on `frames` and raises those that save
/// most error for the time they cost, until the actions are within the budget; the last engine is
/// measured end to end. `config` must allow INT8 and have a calibration; its `int8_layers` are
/// ignored. `frames` should not be among those calibrated on. Throws Error{kUsage} without frames
/// or where the network has no output `action` with actions of `stats`.
PrecisionSearchResult search_precisions(const Network& network, EngineConfig config,
                                        std::span<const TensorMap> frames, const NormStats& stats,
                                        const ErrorBudget& budget,
                                        const std::string& output = "action");

/// The layers that must leave INT8.
struct RaisedLayers {
  /// None of them can go back alone; empty where all layers of the recipe pass.
  std::vector<std::string> layers;
  /// Without those layers in INT8; it passed.
  std::optional<Engine> engine;
  int trials = 0;
};

/// For a judge that only says yes or no, such as a command: finds a smallest set of the recipe's
/// INT8 layers that must be raised before `passes` says yes, in |set| log(layers) trials, taking it
/// that raising more layers never turns a yes into a no.
/// `config` as for search_precisions. Throws Error{kCheckFailed} where even an engine
/// without INT8 does not pass, Error{kUsage} where the recipe has no INT8 layer.
RaisedLayers raise_until(const Network& network, EngineConfig config,
                         const std::function<bool(const Engine& engine)>& passes);

}  // namespace tendon
