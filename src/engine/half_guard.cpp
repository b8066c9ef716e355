#include "engine/half_guard.h"

#include <chrono>
#include <cmath>

#include "base/log.h"
#include "engine/choose.h"

namespace tendon {
namespace {

std::string reason_of(double error, size_t frames) {
  if (std::isinf(error)) return "leaves float16's range on calibration data";
  return fmt::format(
      "would be wrong by {:.2g} % in float16 (rms over {} frame(s) of calibration data; {} % are "
      "allowed)",
      100 * error, frames, 100 * kLargestHalfError);
}

class Judgement {
 public:
  Judgement(const Graph& graph, std::span<const HalfLayer> layers, const HalfEvidence& evidence,
            int threads)
      : graph_(graph), evidence_(evidence), threads_(threads) {
    for (const HalfLayer& layer : layers) layers_.emplace(layer.node, layer);
  }

  std::map<NodeId, std::string> objections() {
    const auto start = std::chrono::steady_clock::now();
    std::vector<HalfLayer> all;
    for (const auto& [id, layer] : layers_) all.push_back(layer);
    const auto errors = half_errors(graph_, all, evidence_.frames, evidence_.backends, threads_);
    if (errors.empty()) {
      log_verbose(
          "What float16 does to the layers' accuracy was not measured: there are no frames of "
          "calibration data{}; weights{} were looked at",
          evidence_.frames.empty() ? "" : " for these shapes",
          evidence_.ranges.empty() ? "" : " and ranges");
      return {};
    }
    for (const auto& [id, error] : errors) {
      if (error > kLargestHalfError) objections_[id] = reason_of(error, evidence_.frames.size());
    }
    object_to_sources();
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    log_info(
        "Measured what float16 does to {} layers on {} frame(s) in {:.2f} seconds: {} must stay in "
        "float32{}",
        errors.size(), evidence_.frames.size(), seconds.count(), objections_.size(),
        worst_of_others(errors));
    return std::move(objections_);
  }

 private:
  /// Those that make what layers suffer from when it is rounded.
  void object_to_sources() {
    std::vector<HalfLayer> suffering;
    for (const auto& [id, reason] : objections_) {
      HalfLayer layer{id, {}};
      for (const size_t input : layers_.at(id).inputs) {
        if (!graph_.is_constant(graph_.node(id).inputs[input])) layer.inputs.push_back(input);
      }
      suffering.push_back(std::move(layer));
    }
    const auto errors = half_errors(graph_, suffering, evidence_.frames, evidence_.backends,
                                    threads_, /*round_results=*/false);
    for (const HalfLayer& layer : suffering) {
      if (errors.at(layer.node) <= kLargestHalfError) continue;
      const Node& node = graph_.node(layer.node);
      for (const size_t input : layer.inputs) object_to_source(node.inputs[input], node.name);
    }
  }

  void object_to_source(ValueId id, const std::string& reader) {
    while (graph_.value(id).producer != kNone) {
      const NodeId source = graph_.value(id).producer;
      if (!layers_.contains(source)) return;
      objections_.emplace(source,
                          fmt::format("feeds [{}], which suffers if it is rounded", reader));
      if (!is_view(graph_, graph_.node(source))) return;
      id = graph_.node(source).inputs[0];
    }
  }

  std::string worst_of_others(const std::map<NodeId, double>& errors) const {
    const std::pair<const NodeId, double>* worst = nullptr;
    for (const auto& entry : errors) {
      if (objections_.contains(entry.first)) continue;
      if (worst == nullptr || entry.second > worst->second) worst = &entry;
    }
    if (worst == nullptr) return {};
    return fmt::format(", of the others [{}] is wrong by most, {:.2g} %",
                       graph_.node(worst->first).name, 100 * worst->second);
  }

  const Graph& graph_;
  std::map<NodeId, HalfLayer> layers_;
  const HalfEvidence& evidence_;
  int threads_;
  std::map<NodeId, std::string> objections_;
};

}  // namespace

HalfJudge judge_by_errors(const HalfEvidence& evidence, int threads) {
  return [&evidence, threads](const Graph& graph, std::span<const HalfLayer> layers) {
    return Judgement(graph, layers, evidence, threads).objections();
  };
}

HalfJudge judge_by_names(const std::map<std::string, std::string>& reasons) {
  return [&reasons](const Graph& graph, std::span<const HalfLayer> layers) {
    std::map<NodeId, std::string> objections;
    for (const HalfLayer& layer : layers) {
      const auto found = reasons.find(graph.node(layer.node).name);
      if (found != reasons.end()) objections[layer.node] = found->second;
    }
    return objections;
  };
}

}  // namespace tendon
