#include "onnx/lower.h"

#include <numbers>

namespace tendon {
namespace {

/// Collects the nodes that stand for one, under names that start with its own.
class Writing {
 public:
  Writing(const OnnxNode& node, DataType dtype,
          const std::function<std::string(const std::string&)>& unique_name)
      : node_(node), dtype_(dtype), unique_name_(unique_name) {}

  const std::string& input(size_t index) const { return node_.inputs[index]; }
  bool has_input(size_t index) const {
    return index < node_.inputs.size() && !node_.inputs[index].empty();
  }
  /// The only result that is asked for is the first.
  bool has_one_output() const {
    for (size_t i = 1; i < node_.outputs.size(); ++i) {
      if (!node_.outputs[i].empty()) return false;
    }
    return true;
  }

  std::string scalar(double value) {
    return constant(cast(Tensor::scalar(value), dtype_), "scalar");
  }
  std::string constant(Tensor tensor, const char* what) {
    const std::string name = unique_name_(fmt::format("{}/{}", node_.name, what));
    lowered_.constants.push_back({name, std::move(tensor)});
    return name;
  }
  std::string add(Op op, std::vector<std::string> inputs) {
    const std::string output = unique_name_(fmt::format("{}/{}", node_.name, type_of(op)));
    lowered_.nodes.push_back({std::move(op), std::move(inputs), {output}});
    return output;
  }
  std::string add(BinaryKind kind, const std::string& a, const std::string& b) {
    return add(Binary{kind}, {a, b});
  }
  /// The last node makes the output of the one it stands for.
  Lowered finish() {
    lowered_.nodes.back().outputs = {node_.outputs[0]};
    return std::move(lowered_);
  }

 private:
  const OnnxNode& node_;
  DataType dtype_;
  const std::function<std::string(const std::string&)>& unique_name_;
  Lowered lowered_;
};

/// (x - mean) / sqrt(mean((x - mean)^2) + epsilon) * scale + bias
std::optional<Lowered> lower_layer_normalization(Writing& writing, const Op& op,
                                                 const TensorType& type) {
  if (!writing.has_one_output()) return std::nullopt;
  const auto& norm = std::get<LayerNormalization>(op);
  std::vector<int64_t> axes;
  for (int64_t axis = normalize_axis(norm.axis, type.shape.rank()); axis < type.shape.rank();
       ++axis) {
    axes.push_back(axis - type.shape.rank());
  }
  const std::string which =
      writing.constant(Tensor::from<int64_t>({static_cast<int64_t>(axes.size())}, axes), "axes");
  const auto mean = [&](const std::string& x) {
    return writing.add(Reduce{.kind = ReduceKind::kMean}, {x, which});
  };
  const std::string& x = writing.input(0);
  const std::string centred = writing.add(BinaryKind::kSub, x, mean(x));
  const std::string variance = mean(writing.add(BinaryKind::kMul, centred, centred));
  const std::string shifted =
      writing.add(BinaryKind::kAdd, variance, writing.scalar(double{norm.epsilon}));
  const std::string deviation = writing.add(Unary::of(UnaryKind::kSqrt), {shifted});
  std::string y = writing.add(BinaryKind::kDiv, centred, deviation);
  y = writing.add(BinaryKind::kMul, y, writing.input(1));
  if (writing.has_input(2)) writing.add(BinaryKind::kAdd, y, writing.input(2));
  return writing.finish();
}

/// x * (1 + erf(x / sqrt(2))) * 0.5; not for the approximation with tanh.
std::optional<Lowered> lower_gelu(Writing& writing, const Op& op, const TensorType&) {
  if (std::get<Unary>(op).kind != UnaryKind::kGelu) return std::nullopt;
  const std::string& x = writing.input(0);
  std::string y = writing.add(BinaryKind::kDiv, x, writing.scalar(std::numbers::sqrt2));
  y = writing.add(Unary::of(UnaryKind::kErf), {y});
  y = writing.add(BinaryKind::kAdd, y, writing.scalar(1));
  y = writing.add(BinaryKind::kMul, x, y);
  writing.add(BinaryKind::kMul, y, writing.scalar(0.5));
  return writing.finish();
}

/// Each group one channel of InstanceNormalization, then scale and bias by channel. Before opset 21
/// GroupNormalization had one scale a group.
std::optional<Lowered> lower_group_normalization(Writing& writing, const Op& op,
                                                 const TensorType& type) {
  const auto& norm = std::get<GroupNormalization>(op);
  const int64_t groups = norm.num_groups;
  const auto list = [&](const std::vector<int64_t>& values, const char* what) {
    return writing.constant(Tensor::from<int64_t>(Shape{std::ssize(values)}, values), what);
  };
  const auto filled = [&](float value, const char* what) {
    const std::vector<float> values(static_cast<size_t>(groups), value);
    return writing.constant(cast(Tensor::from<float>(Shape{groups}, values), type.dtype), what);
  };
  const std::string& x = writing.input(0);
  const std::string rows = writing.add(Reshape{}, {x, list({0, groups, -1}, "groups")});
  std::string y = writing.add(GroupNormalization{.num_groups = 0, .epsilon = norm.epsilon},
                              {rows, filled(1, "ones"), filled(0, "zeros")});
  y = writing.add(Reshape{}, {y, writing.add(ShapeOf{}, {x})});
  std::vector<int64_t> by_channel(static_cast<size_t>(type.shape.rank()) - 1, 1);
  by_channel[0] = -1;
  const std::string channels = list(by_channel, "channels");
  y = writing.add(BinaryKind::kMul, y, writing.add(Reshape{}, {writing.input(1), channels}));
  writing.add(BinaryKind::kAdd, y, writing.add(Reshape{}, {writing.input(2), channels}));
  return writing.finish();
}

/// The same under the mode's older name.
std::optional<Lowered> lower_grid_sample(Writing& writing, const Op& op, const TensorType& type) {
  GridSample sample = std::get<GridSample>(op);
  const bool renamed = sample.mode == "linear" || sample.mode == "cubic";
  if (!renamed || type.shape.rank() != 4) return std::nullopt;
  sample.mode = "bi" + sample.mode;
  writing.add(sample, {writing.input(0), writing.input(1)});
  return writing.finish();
}

struct Row {
  std::string_view type;
  /// The first opset that has it.
  int since;
  std::optional<Lowered> (*lower)(Writing& writing, const Op& op, const TensorType& type);
};
constexpr Row kRows[] = {
    {"Gelu", 20, lower_gelu},
    {"GridSample", 20, lower_grid_sample},
    {"GroupNormalization", 21, lower_group_normalization},
    {"LayerNormalization", 17, lower_layer_normalization},
};

}  // namespace

std::optional<Lowered> lower(const OnnxNode& node, const Op& op, const TensorType& type,
                             const std::function<std::string(const std::string&)>& unique_name) {
  for (const Row& row : kRows) {
    if (row.type != node.type || node.opset >= row.since || domain_of(op) != "") continue;
    Writing writing(node, type.dtype, unique_name);
    return row.lower(writing, op, type);
  }
  return std::nullopt;
}

}  // namespace tendon
