#include "onnx/expand.h"

#include <span>

#include "onnx/expansions.h"

namespace tendon {
namespace {

struct Row {
  std::string_view type;
  /// The last opset that needs it.
  int last_opset;
  void (*expand)(const OnnxNode& node, Expansion& expansion);
  /// Names of its attributes with blanks between; others are refused.
  std::string_view attributes;
};

/// The attributes go to a node that refuses what it does not know.
constexpr std::string_view kForwarded = "*";

void check_attributes(const OnnxNode& node, const Row& row) {
  if (row.attributes == kForwarded) return;
  const std::string known = fmt::format(" {} ", row.attributes);
  for (const auto& [name, value] : node.attributes) {
    if (known.find(fmt::format(" {} ", name)) == std::string::npos) {
      fail(ErrorKind::kUnsupported, "has attribute '{}', which Tendon does not take", name);
    }
  }
}

constexpr Row kRows[] = {
    {"BlackmanWindow", kNewestOpset, expand_window, "output_datatype periodic"},
    {"Compress", kNewestOpset, expand_compress, "axis"},
    {"ConvInteger", kNewestOpset, expand_conv_integer, kForwarded},
    {"DepthToSpace", kNewestOpset, expand_depth_to_space, "blocksize mode"},
    {"Dropout", kNewestOpset, expand_dropout, "ratio seed"},
    {"DynamicQuantizeLinear", kNewestOpset, expand_dynamic_quantize_linear, ""},
    {"EyeLike", kNewestOpset, expand_eye_like, "dtype k"},
    {"GroupNormalization", 20, expand_group_normalization, "epsilon num_groups stash_type"},
    {"HammingWindow", kNewestOpset, expand_window, "output_datatype periodic"},
    {"HannWindow", kNewestOpset, expand_window, "output_datatype periodic"},
    {"Hardmax", 12, expand_flat_softmax, "axis"},
    {"Hardmax", kNewestOpset, expand_hardmax, "axis"},
    {"IsInf", kNewestOpset, expand_is_inf, "detect_negative detect_positive"},
    {"IsNaN", kNewestOpset, expand_is_nan, ""},
    {"LRN", kNewestOpset, expand_lrn, "alpha beta bias size"},
    {"LogSoftmax", 12, expand_flat_softmax, "axis"},
    {"LpPool", kNewestOpset, expand_lp_pool, kForwarded},
    {"MatMulInteger", kNewestOpset, expand_mat_mul_integer, ""},
    {"MeanVarianceNormalization", kNewestOpset, expand_mean_variance_normalization, "axes"},
    {"NegativeLogLikelihoodLoss", kNewestOpset, expand_negative_log_likelihood_loss,
     "ignore_index reduction"},
    {"OneHot", kNewestOpset, expand_one_hot, "axis"},
    {"QLinearConv", kNewestOpset, expand_qlinear_conv, kForwarded},
    {"QLinearMatMul", kNewestOpset, expand_qlinear_mat_mul, ""},
    {"RMSNormalization", kNewestOpset, expand_rms_normalization, "axis epsilon stash_type"},
    {"Resize", 10, expand_upsample, "mode"},
    {"ReverseSequence", kNewestOpset, expand_reverse_sequence, "batch_axis time_axis"},
    {"Scatter", kNewestOpset, expand_scatter, kForwarded},
    {"Size", kNewestOpset, expand_size, ""},
    {"Softmax", 12, expand_flat_softmax, "axis"},
    {"SoftmaxCrossEntropyLoss", kNewestOpset, expand_softmax_cross_entropy_loss,
     "ignore_index reduction"},
    {"SpaceToDepth", kNewestOpset, expand_space_to_depth, "blocksize mode"},
    {"Swish", kNewestOpset, expand_swish, "alpha"},
    {"Trilu", kNewestOpset, expand_trilu, "upper"},
    {"Upsample", kNewestOpset, expand_upsample, "mode"},
};

/// Operators that ONNX Runtime's optimiser leaves in files, in its domain.
constexpr Row kOnnxRuntimeRows[] = {
    {"Attention", kNewestOpset, expand_ort_attention,
     "do_rotary num_heads past_present_share_buffer scale unidirectional mask_filter_value"},
    {"BiasGelu", kNewestOpset, expand_ort_gelu, ""},
    {"FastGelu", kNewestOpset, expand_ort_gelu, ""},
    {"FusedConv", kNewestOpset, expand_ort_fused_conv, kForwarded},
    {"FusedGemm", kNewestOpset, expand_ort_fused_gemm, kForwarded},
    {"FusedMatMul", kNewestOpset, expand_ort_fused_mat_mul,
     "alpha transA transB transBatchA transBatchB"},
    {"Gelu", kNewestOpset, expand_ort_gelu, ""},
    {"QuickGelu", kNewestOpset, expand_swish, "alpha"},
    {"SkipLayerNormalization", kNewestOpset, expand_ort_skip_layer_normalization, "epsilon"},
};
constexpr std::string_view kOnnxRuntimeDomain = "com.microsoft";

std::span<const Row> rows_of(std::string_view domain) {
  if (domain.empty()) return kRows;
  if (domain == kOnnxRuntimeDomain) return kOnnxRuntimeRows;
  return {};
}

}  // namespace

std::string Expansion::constant(Tensor tensor) {
  return node("Constant", {}, {{"value", std::move(tensor)}});
}

std::string Expansion::node(std::string type, std::vector<std::string> inputs,
                            Attributes attributes) {
  const std::string output = unique_name_(fmt::format("{}/{}", node_.outputs[0], type));
  node_making({output}, std::move(type), std::move(inputs), std::move(attributes));
  return output;
}

void Expansion::node_making(std::vector<std::string> outputs, std::string type,
                            std::vector<std::string> inputs, Attributes attributes) {
  const std::string name = nodes.empty() ? node_.name : fmt::format("{}/{}", node_.name, type);
  nodes.push_back({std::move(type), "", name, kNewestOpset, std::move(attributes),
                   std::move(inputs), std::move(outputs)});
}

const std::string& Expansion::input(size_t index) const {
  if (!has_input(index)) fail_input("input {} is missing", index);
  return node_.inputs[index];
}

bool Expansion::has_input(size_t index) const {
  return index < node_.inputs.size() && !node_.inputs[index].empty();
}

bool Expansion::has_output(size_t index) const {
  return index < node_.outputs.size() && !node_.outputs[index].empty();
}

std::string Expansion::ints(std::vector<int64_t> values) {
  return constant(Tensor::from<int64_t>(Shape{std::ssize(values)}, values));
}

std::string Expansion::scalar_like(double value, const std::string& like) {
  return node("CastLike", {constant(Tensor::scalar(value)), like});
}

std::string Expansion::sizes(const std::string& x, int64_t start, int64_t end) {
  Attributes attributes{{"start", start}};
  if (end != 0) attributes.emplace("end", end);
  return node("Shape", {x}, std::move(attributes));
}

std::string Expansion::along(const std::string& list, const std::string& x, int64_t axis) {
  const std::string rank = node("Shape", {node("Shape", {x})});
  const std::string ones =
      node("ConstantOfShape", {rank}, {{"value", Tensor::from<int64_t>({1}, {1})}});
  const std::string shape = node("ScatterElements", {ones, ints({axis}), ints({-1})});
  return node("Reshape", {list, shape});
}

std::string Expansion::numbers(const std::string& count) {
  return node("Range",
              {constant(Tensor::scalar<int64_t>(0)), count, constant(Tensor::scalar<int64_t>(1))});
}

bool expand(const OnnxNode& node, Expansion& expansion) {
  for (const Row& row : rows_of(node.domain)) {
    if (row.type == node.type && node.opset <= row.last_opset) {
      check_attributes(node, row);
      row.expand(node, expansion);
      return true;
    }
  }
  return false;
}

}  // namespace tendon
