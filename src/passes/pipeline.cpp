#include "passes/pipeline.h"

#include <algorithm>
#include <chrono>
#include <set>

#include "base/data_type.h"
#include "base/file.h"
#include "base/log.h"
#include "ir/check.h"
#include "ir/dump.h"
#include "passes/passes.h"
#include "passes/self_check.h"

namespace tendon {
namespace {

constexpr Pass kPasses[] = {
    {"remove-dead-code", remove_dead_code, "drop what no output needs", PassStage::kCanonical},
    {"fold-constants", fold_constants, "compute what does not depend on the inputs",
     PassStage::kCanonical},
    {"remove-identities", remove_identities, "drop nodes that give back their input",
     PassStage::kCanonical},
    {"expand-einsum", expand_einsum, "write Einsum as a matrix product", PassStage::kCanonical},
    {"merge-views", merge_views, "merge chains of Reshape and Transpose", PassStage::kCanonical},
    {"push-selections", push_selections, "choose before joining, so that the rest dies",
     PassStage::kCanonical},
    {"reroll-unbind", reroll_unbind, "join what was taken apart piece by piece",
     PassStage::kCanonical},
    {"eliminate-common-subexpressions", eliminate_common_subexpressions,
     "compute equal things once", PassStage::kCanonical},
    {"batch-shared-branches", batch_shared_branches,
     "apply weights that branches share once, to a batch", PassStage::kCanonical},
    {"fold-batch-norm", fold_batch_norm, "BatchNormalization into the weights before it",
     PassStage::kCanonical},
    {"fold-mul-add", fold_mul_add, "constant factors and summands into weights and biases",
     PassStage::kCanonical},
    {"fuse-layer-normalization", fuse_layer_normalization,
     "recognise LayerNormalization written out", PassStage::kCanonical},
    {"remove-zero-points", remove_zero_points, "codes of a model that is quantised already",
     PassStage::kFuse},
    {"fuse-gelu", fuse_gelu, "recognise GELU written out", PassStage::kFuse},
    {"fuse-attention", fuse_attention, "recognise attention", PassStage::kFuse},
    {"merge-views", merge_views, "cancel what splits and joins heads", PassStage::kFuse},
    {"fuse-matmul", fuse_matmul, "bias, residual and activation into matrix products",
     PassStage::kFuse},
    {"drop-key-bias", drop_key_bias, "biases of keys, which softmax ignores", PassStage::kFuse},
    {"fold-value-bias", fold_value_bias, "biases of values behind the attention", PassStage::kFuse},
    {"fold-layer-normalization", fold_layer_normalization,
     "scales and biases of a LayerNormalization into the products behind it", PassStage::kFuse},
    {"fuse-conv", fuse_conv, "residual and activation into convolutions", PassStage::kFuse},
    {"channels-last", channels_last, "turn images to channels-last", PassStage::kFuse},
    {"push-transposes", push_transposes, "move Transposes to where they cancel", PassStage::kFuse},
    {"push-quantizers", push_quantizers, "move quantizing to where it belongs", PassStage::kFuse},
    {"merge-views", merge_views, "cancel Transposes between neighbours", PassStage::kFuse},
    {"order-tokens", order_tokens, "tokens in the order that they are made in", PassStage::kFuse},
    {"fuse-quantized", fuse_quantized, "integer convolutions and products", PassStage::kFuse},
    {"fuse-requantization", fuse_requantization, "8-bit results straight from integer kernels",
     PassStage::kFuse},
    {"fuse-quantized-layer-normalization", fuse_quantized_layer_normalization,
     "8-bit results straight from a LayerNormalization", PassStage::kFuse},
    {"fold-dequantized", fold_dequantized, "8-bit weights without an integer kernel to floats",
     PassStage::kFuse},
    {"fuse-add-layer-normalization", fuse_add_layer_normalization,
     "the addition before a LayerNormalization into it", PassStage::kFuse},
    {"fuse-quantized-images", fuse_quantized_images,
     "the codes of images and the pool after them into the first integer convolution",
     PassStage::kFuse},
    {"fold-attention-scale", fold_attention_scale, "factors of scores into the queries' weights",
     PassStage::kFuse},
    {"fold-constants", fold_constants, "compute what fusing made constant", PassStage::kFuse},
    {"eliminate-common-subexpressions", eliminate_common_subexpressions,
     "compute equal things once", PassStage::kFuse},
    {"remove-dead-code", remove_dead_code, "drop what no output needs", PassStage::kFuse},
    {"fuse-images", fuse_images, "what prepares images into the first convolution, and its pool",
     PassStage::kLate},
    {"fold-image-scale", fold_image_scale, "the factor that bytes of images have into the weights",
     PassStage::kGpu},
    {"fold-summands", fold_summands, "constant summands behind the products that read the sums",
     PassStage::kGpu},
    {"fold-quantized-summands", fold_quantized_summands,
     "constant summands behind the integer products that read the sums", PassStage::kGpu},
    {"fold-constants", fold_constants, "compute what the summands became", PassStage::kGpu},
    {"remove-dead-code", remove_dead_code, "drop the sums", PassStage::kGpu},
    {"join-projections", join_projections, "one product for what an attention reads of a tensor",
     PassStage::kGpu},
    {"fuse-layer-normalization-matmul", fuse_layer_normalization_matmul,
     "LayerNormalizations into the product with few columns behind them", PassStage::kGpu},
    {"fuse-normalized-matmul", fuse_normalized_matmul,
     "a LayerNormalization into the product before it", PassStage::kGpu},
    {"merge-projections", merge_projections,
     "one product for tokens and what the first attention reads of them", PassStage::kGpu},
};

/// Far above what real models need; two passes that undo each other must not run for ever.
constexpr int kMaxRounds = 20;

#ifdef TENDON_SELF_CHECK
constexpr bool kSelfCheck = true;
#else
constexpr bool kSelfCheck = false;
#endif

struct Size {
  size_t nodes = 0;
  int64_t parameters = 0;
};

Size size_of(const Graph& graph) {
  Size size;
  for (const Node& node : graph.nodes()) size.nodes += node.alive;
  for (size_t i = 0; i < graph.values().size(); ++i) {
    const auto& constant = graph.values()[i].constant;
    if (constant && is_floating(constant->dtype()) &&
        graph.use_count(static_cast<ValueId>(i)) > 0) {
      size.parameters += constant->size();
    }
  }
  return size;
}

void require_known(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (std::ranges::find(kPasses, name, &Pass::name) != std::end(kPasses)) continue;
    std::set<std::string_view> known;
    for (const Pass& pass : kPasses) known.insert(pass.name);
    fail(ErrorKind::kUsage, "there is no pass named '{}'; the passes are {}", name,
         fmt::join(known, ", "));
  }
}

class Driver {
 public:
  Driver(Graph& graph, const PassOptions& options) : graph_(graph), options_(options) {}

  PassReport run() {
    require_known(options_.disabled);
    checked("the graph before all passes", [&] { check(graph_); });
    PassReport report;
    report.nodes_before = size_of(graph_).nodes;
    for (const PassStage stage :
         {PassStage::kCanonical, PassStage::kFuse, PassStage::kLate, PassStage::kGpu}) {
      if (stage > options_.stage) break;
      const auto results = run_stage(stage);
      report.passes.insert(report.passes.end(), results.begin(), results.end());
      graph_.compact();
      graph_.make_value_names_unique();
      if (stage == PassStage::kCanonical && options_.after_canonical) {
        options_.after_canonical(graph_);
        checked("the change to the canonical graph", [&] { check(graph_); });
      }
    }
    report.nodes_after = graph_.nodes().size();
    return report;
  }

 private:
  std::vector<PassResult> run_stage(PassStage stage) {
    std::vector<const Pass*> passes;
    std::vector<PassResult> results;
    for (const Pass& pass : kPasses) {
      if (pass.stage != stage || std::ranges::count(options_.disabled, pass.name) > 0) continue;
      passes.push_back(&pass);
      results.push_back({.name = std::string(pass.name)});
    }
    bool changed = true;
    for (int round = 0; changed; ++round) {
      if (round == kMaxRounds) {
        Logger::global().log(Severity::kWarning,
                             fmt::format("Passes still change the graph after {} rounds; going on "
                                         "with what they made.",
                                         round));
        break;
      }
      changed = false;
      for (size_t i = 0; i < passes.size(); ++i) changed |= run_pass(*passes[i], results[i]);
    }
    return results;
  }

  bool run_pass(const Pass& pass, PassResult& result) {
    const Size before = size_of(graph_);
    const size_t first_new_node = graph_.nodes().size();
    const bool compare = options_.self_check.value_or(kSelfCheck) && is_small_enough_to_run(graph_);
    const Graph original = compare ? graph_ : Graph();
    const auto start = std::chrono::steady_clock::now();
    bool changed = false;
    checked(pass.name, [&] { changed = pass.run(graph_); });
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    result.seconds += seconds.count();
    if (!changed) return false;

    checked(pass.name, [&] { check(graph_); });
    if (compare) checked(pass.name, [&] { require_same_results(original, graph_); });
    const Size after = size_of(graph_);
    const auto added = static_cast<size_t>(
        std::ranges::count_if(graph_.nodes().begin() + static_cast<ptrdiff_t>(first_new_node),
                              graph_.nodes().end(), &Node::alive));
    result.nodes_added += added;
    result.nodes_removed += before.nodes + added - after.nodes;
    result.parameters_removed += before.parameters - after.parameters;
    graph_.compact();
    dump(pass.name);
    return true;
  }

  template <class Step>
  void checked(std::string_view name, Step&& step) {
    try {
      step();
    } catch (const Error& error) {
      throw error.within(fmt::format("pass {}", name));
    }
  }

  void dump(std::string_view name) {
    if (options_.dump_folder.empty()) return;
    const std::string stem = fmt::format("{}/{:03}_{}", options_.dump_folder, ++dump_count_, name);
    write_file_atomically(stem + ".txt", text_from_graph(graph_));
    write_file_atomically(stem + ".dot", dot_from_graph(graph_));
  }

  Graph& graph_;
  const PassOptions& options_;
  int dump_count_ = 0;
};

}  // namespace

std::span<const Pass> pass_table() { return kPasses; }

PassReport run_passes(Graph& graph, const PassOptions& options) {
  return Driver(graph, options).run();
}

}  // namespace tendon
