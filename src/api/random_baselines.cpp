// The named baselines that calibration on real data is compared with.
#include <tendon/calibrator.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <random>

#include "api/network_impl.h"
#include "base/log.h"
#include "ir/identity.h"
#include "ir/infer.h"
#include "passes/pipeline.h"
#include "quant/calibration_data.h"

namespace tendon {
namespace {

struct Name {
  std::string_view name;
  std::string_view other;
  RandomBaseline baseline;
};
constexpr Name kNames[] = {{"r0", "range", RandomBaseline::kR0},
                           {"r1", "uniform", RandomBaseline::kR1},
                           {"r2", "normal", RandomBaseline::kR2},
                           {"r3", "r3", RandomBaseline::kR3}};

constexpr double kInputRange = 2;
constexpr double kOutputRange = 4;

/// In (0, 1).
double unit(std::mt19937_64& generator) {
  return (static_cast<double>(generator() >> 12) + 0.5) * 0x1p-52;
}

double normal(std::mt19937_64& generator) {
  const double radius = std::sqrt(-2 * std::log(unit(generator)));
  return radius * std::cos(2 * std::numbers::pi * unit(generator));
}

Tensor random_input(RandomBaseline baseline, const TensorInfo& info, std::mt19937_64& generator) {
  Shape shape;
  for (const Axis& axis : info.axes) shape.push_back(axis.min);
  std::vector<double> values(static_cast<size_t>(shape.element_count()));
  const bool image = info.axes.size() > 3;
  for (double& value : values) {
    value = info.dtype == DataType::kUInt8    ? std::floor(256 * unit(generator))
            : baseline == RandomBaseline::kR1 ? 2 * unit(generator) - 1
            : image                           ? unit(generator)
                                              : normal(generator);
  }
  return cast(Tensor::from<double>(shape, values), info.dtype);
}

bool is_pooled(const Graph& graph, ValueId id) {
  return graph.producer_op<MaxPool>(id) != nullptr ||
         graph.producer_op<AveragePool>(id) != nullptr ||
         graph.producer_op<GlobalPool>(id) != nullptr;
}

}  // namespace

RandomBaseline random_baseline_from_name(std::string_view name) {
  for (const Name& row : kNames) {
    if (name == row.name || name == row.other) return row.baseline;
  }
  fail(ErrorKind::kUsage,
       "there is no random baseline '{}'; expected r0 (range), r1 (uniform), r2 (normal) or r3",
       name);
}

std::string_view name_of(RandomBaseline baseline) {
  return std::ranges::find(kNames, baseline, &Name::baseline)->name;
}

DataSource random_frames(RandomBaseline baseline, int64_t frames, uint64_t seed) {
  if (baseline != RandomBaseline::kR1 && baseline != RandomBaseline::kR2) {
    fail(ErrorKind::kUsage, "random_frames: {} has no random values; expected r1 or r2",
         name_of(baseline));
  }
  log_warning(
      "Int8 Calibration is using randomly generated input data. This could negatively impact "
      "accuracy; calibrate on episodes of the robot instead");
  return DataSource([=](const std::vector<TensorInfo>& inputs) -> DataSource::Next {
    return [=, done = int64_t{0}]() mutable -> std::optional<TensorMap> {
      if (done == frames) return std::nullopt;
      std::mt19937_64 generator(seed + static_cast<uint64_t>(done++));
      TensorMap item;
      for (const TensorInfo& input : inputs) {
        item[input.name] = random_input(baseline, input, generator);
      }
      return item;
    };
  });
}

Calibration fixed_ranges(const Network& network) {
  Graph graph = network.impl().graph;
  bind_inputs(graph, {});
  run_passes(graph, {.stage = PassStage::kCanonical});
  Calibration::Data data;
  data.info.model_name = network.name();
  data.info.model_sha256 = graph_sha256(network.impl().graph);
  data.info.random = name_of(RandomBaseline::kR0);
  data.info.range.algorithm = CalibrationAlgorithm::kMinMax;
  data.values = calibrated_values(graph);
  for (const CalibratedValue& value : data.values) {
    const ValueId id = graph.find_value(value.name);
    const bool narrow = graph.is_input(id) || is_pooled(graph, id);
    const double amax = storable_amax(narrow ? kInputRange : kOutputRange);
    data.ranges[value.name] = {amax, -amax, amax};
  }
  data.has_provenance = true;
  return Calibration(std::make_shared<const Calibration::Data>(std::move(data)));
}

}  // namespace tendon
