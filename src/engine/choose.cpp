// Asks backends row by row and keeps every refusal with its reason.
#include "engine/choose.h"

#include <algorithm>
#include <array>

#include "engine/layer_cost.h"

namespace tendon {
namespace {

constexpr std::array<std::string_view, 5> kViews = {"Flatten", "Identity", "Reshape", "Squeeze",
                                                    "Unsqueeze"};

struct Candidate {
  Backend* backend;
  const KernelRow* row;
};

/// Asks one row; on success fills `chosen`.
bool ask(const Candidate& candidate, KernelRequest request, ChosenKernel& chosen) {
  request.device = candidate.backend->device();
  Offer offer = candidate.row->make(request);
  if (auto* declined = std::get_if<Declined>(&offer)) {
    if (!declined->reason.empty()) {
      chosen.record.declines.push_back(
          {fmt::format("{}/{}", candidate.backend->name(), candidate.row->name),
           std::move(declined->reason)});
    }
    return false;
  }
  chosen.kernel = std::move(std::get<std::unique_ptr<Kernel>>(offer));
  TENDON_ASSERT(chosen.kernel != nullptr);
  chosen.device = request.device;
  chosen.record.backend = candidate.backend->name();
  chosen.record.kernel = candidate.row->name;
  chosen.record.detail = chosen.kernel->detail();
  return true;
}

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
  if (!inputs.empty() && inputs[0].present) record.precision = inputs[0].type.dtype;
  if (record.precision == DataType::kUInt8) record.precision = DataType::kInt8;
  for (const Argument& input : inputs) {
    if (input.value != nullptr) {
      record.weight_bytes += static_cast<int64_t>(input.value->byte_size());
    }
  }
  return record;
}

}  // namespace

bool is_view(const Graph& graph, const Node& node) {
  return domain_of(node.op).empty() && std::ranges::count(kViews, type_of(node.op)) > 0 &&
         node.outputs[0] != kNone &&
         graph.type(node.inputs[0]).dtype == graph.type(node.outputs[0]).dtype;
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
  std::vector<NodeId> nodes;
  for (const NodeId id : graph.topological_order()) {
    if (!is_view(graph, graph.node(id))) nodes.push_back(id);
  }
  const bool hinted = options.hints.size() == nodes.size();

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
    const KernelRequest request{node,         inputs,  outputs,         options.threads,
                                options.tf32, nullptr, options.winograd};
    ChosenKernel chosen{nodes[i], nullptr, describe(node, inputs, outputs), nullptr, {}};
    bool found = false;
    for (const Candidate& candidate : candidates) {
      if (found || !hinted) break;
      if (candidate.backend->name() == options.hints[i].backend &&
          candidate.row->name == options.hints[i].kernel) {
        found = ask(candidate, request, chosen);
      }
    }
    for (const Candidate& candidate : candidates) {
      if (found) break;
      found = ask(candidate, request, chosen);
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
