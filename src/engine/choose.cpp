// Asks backends row by row, or takes the fastest row, and keeps every refusal with its reason.
#include "engine/choose.h"

#include <algorithm>
#include <array>

#include "engine/choose_by_time.h"
#include "engine/last_reads.h"
#include "engine/layer_cost.h"

namespace tendon {
namespace {

constexpr std::array<std::string_view, 5> kViews = {"Flatten", "Identity", "Reshape", "Squeeze",
                                                    "Unsqueeze"};

std::string list_declines(const std::vector<Decline>& declines) {
  std::string text;
  for (const Decline& decline : declines) {
    text += fmt::format("\n  {}: {}", decline.kernel, decline.reason);
  }
  return text;
}

LayerRecord describe(const Node& node, std::span<const Argument> inputs,
                     std::span<const TensorType> outputs) {
  LayerRecord record;
  record.name = node.name;
  record.type = type_of(node.op);
  record.outputs.assign(outputs.begin(), outputs.end());
  record.multiply_adds = multiply_adds(node.op, inputs, outputs);
  record.bytes_moved = bytes_moved(inputs, outputs);
  record.precision = precision_of(node.op, inputs);
  for (const Argument& input : inputs) {
    if (input.value != nullptr) {
      record.weight_bytes += static_cast<int64_t>(input.value->byte_size());
    }
  }
  return record;
}

/// Throws Error{kUsage} unless there is one tactic for each node.
void check_tactics(std::span<const Tactic> tactics, const Graph& graph,
                   std::span<const NodeId> nodes) {
  constexpr const char* kAdvice =
      "they are of another model or configuration; save them again with this one";
  if (tactics.size() != nodes.size()) {
    fail(ErrorKind::kUsage, "the tactics have {} layers, this engine has {}: {}", tactics.size(),
         nodes.size(), kAdvice);
  }
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (tactics[i].layer == graph.node(nodes[i]).name) continue;
    fail(ErrorKind::kUsage, "layer {} of the tactics is '{}', this engine's is '{}': {}", i,
         tactics[i].layer, graph.node(nodes[i]).name, kAdvice);
  }
}

}  // namespace

bool is_view(const Graph& graph, const Node& node) {
  return domain_of(node.op).empty() && std::ranges::count(kViews, type_of(node.op)) > 0 &&
         node.outputs[0] != kNone &&
         graph.type(node.inputs[0]).dtype == graph.type(node.outputs[0]).dtype;
}

std::vector<NodeId> layers_of(const Graph& graph) {
  std::vector<NodeId> nodes = graph.topological_order();
  std::erase_if(nodes, [&](NodeId id) { return is_view(graph, graph.node(id)); });
  return nodes;
}

std::vector<ChosenKernel> choose_kernels(const Graph& graph, std::span<Backend* const> backends,
                                         const ChooseOptions& options) {
  std::vector<Candidate> candidates;
  std::vector<Decline> missing;
  for (Backend* backend : backends) {
    if (const auto reason = backend->unavailable()) {
      missing.push_back({std::string(backend->name()), *reason});
      continue;
    }
    for (const KernelRow& row : backend->kernels()) candidates.push_back({backend, &row});
  }
  const std::vector<NodeId> nodes = layers_of(graph);
  const bool hinted = options.hints.size() == nodes.size();
  if (options.tactics != nullptr) check_tactics(*options.tactics, graph, nodes);
  const LastReads last_reads(graph);

  std::vector<ChosenKernel> layers;
  layers.reserve(nodes.size());
  for (size_t i = 0; i < nodes.size(); ++i) {
    const Node& node = graph.node(nodes[i]);
    std::vector<Argument> inputs;
    for (const ValueId input : node.inputs) {
      if (input == kNone) {
        inputs.emplace_back();
      } else {
        const auto& constant = graph.value(input).constant;
        inputs.push_back({graph.type(input), constant ? &*constant : nullptr, true});
      }
    }
    std::vector<TensorType> outputs;
    for (const ValueId output : node.outputs) {
      outputs.push_back(output == kNone ? TensorType{} : graph.type(output));
    }
    KernelRequest request{node,         inputs,  outputs,         options.threads,
                          options.tf32, nullptr, options.winograd};
    ChosenKernel chosen{nodes[i], nullptr, describe(node, inputs, outputs), nullptr, {}};
    const auto take_named = [&](const KernelName& name) {
      return std::ranges::any_of(candidates, [&](const Candidate& candidate) {
        return candidate.backend->name() == name.backend && candidate.row->name == name.kernel &&
               candidate.ask_and_take(request, chosen);
      });
    };
    bool found = false;
    if (options.tactics != nullptr) {
      const KernelName& name = (*options.tactics)[i].kernel;
      found = take_named(name);
      if (!found) {
        fail(ErrorKind::kUsage, "{}: the tactics name {}/{}, which does not take it here{}",
             place_of(node), name.backend, name.kernel, list_declines(chosen.record.declines));
      }
    }
    if (!found && hinted) {
      if (i < options.packed.size()) request.known = &options.packed[i];
      found = take_named(options.hints[i]);
      request.known = nullptr;
    }
    if (!found && options.timing != nullptr) {
      found = choose_by_time(candidates, request, last_reads.reusable_inputs(nodes[i]),
                             *options.timing, chosen);
      if (!found) chosen.record.declines.clear();
    }
    for (const Candidate& candidate : candidates) {
      if (found) break;
      found = candidate.ask_and_take(request, chosen);
    }
    if (!found) {
      std::vector<Decline> reasons = missing;
      reasons.insert(reasons.end(), chosen.record.declines.begin(), chosen.record.declines.end());
      fail(ErrorKind::kUnsupported, "{}: no backend runs it{}{}", place_of(node),
           reasons.empty() ? "; no row knows the operator" : ":", list_declines(reasons));
    }
    if (options.after_kernel) options.after_kernel();
    layers.push_back(std::move(chosen));
  }
  return layers;
}

}  // namespace tendon
