#include "policy/network_builder.h"

#include "base/finite.h"

namespace tendon {
namespace {

/// Elements [begin, begin + count) along the first axis, in place.
Tensor first_axis_part(const Tensor& tensor, int64_t begin, int64_t count) {
  Shape shape = tensor.shape();
  const int64_t rows = shape[0];
  shape[0] = count;
  const size_t row_bytes = tensor.byte_size() / static_cast<size_t>(rows);
  const auto* bytes = static_cast<const std::byte*>(tensor.raw());
  return Tensor::view(tensor.dtype(), shape, bytes + static_cast<size_t>(begin) * row_bytes,
                      std::make_shared<const Tensor>(tensor));
}

}  // namespace

ValueId NetworkBuilder::node(Op op, std::vector<ValueId> inputs, const std::string& name,
                             const std::string& output) {
  const NodeId id =
      graph_.add_node(std::move(op), std::move(inputs), {output.empty() ? name : output}, name);
  return graph_.node(id).outputs[0];
}

ValueId NetworkBuilder::constant(Tensor tensor, const std::string& name) {
  const auto known = constants_.find(name);
  if (known != constants_.end()) return known->second;
  return constants_[name] = graph_.add_constant(std::move(tensor), name);
}

ValueId NetworkBuilder::ints(const std::vector<int64_t>& values) {
  const Shape shape{static_cast<int64_t>(values.size())};
  return constant(Tensor::from<int64_t>(shape, values),
                  fmt::format("ints_{}", fmt::join(values, "_")));
}

Tensor NetworkBuilder::tensor(const std::string& name) const {
  const Tensor* tensor = weights_.find(name);
  TENDON_ASSERT(tensor != nullptr);
  try {
    require_finite(*tensor, true);
  } catch (const Error& error) {
    throw error.within(fmt::format("{}: '{}'", weights_.source(), name));
  }
  return tensor->dtype() == DataType::kFloat32 ? *tensor : cast(*tensor, DataType::kFloat32);
}

ValueId NetworkBuilder::weight(const std::string& name) {
  const auto known = constants_.find(name);
  return known != constants_.end() ? known->second : constant(tensor(name), name);
}

ValueId NetworkBuilder::weight(const std::string& name, const Shape& shape) {
  const auto known = constants_.find(name);
  return known != constants_.end() ? known->second : constant(tensor(name).reshaped(shape), name);
}

ValueId NetworkBuilder::weight_part(const std::string& name, int64_t part, int64_t count) {
  const std::string part_name = fmt::format("{}.{}", name, part);
  const auto known = constants_.find(part_name);
  if (known != constants_.end()) return known->second;
  const Tensor whole = tensor(name);
  const int64_t rows = whole.shape()[0] / count;
  return constant(first_axis_part(whole, part * rows, rows), part_name);
}

ValueId NetworkBuilder::reshape(ValueId x, const std::vector<int64_t>& shape,
                                const std::string& name) {
  return node(Reshape{}, {x, ints(shape)}, name);
}

ValueId NetworkBuilder::product(ValueId x, ValueId weight, ValueId bias, const std::string& name) {
  return node(Gemm{.trans_b = true}, {x, weight, bias}, name);
}

ValueId NetworkBuilder::linear(ValueId x, int64_t inputs, const std::string& prefix) {
  const std::string name = layer_name(prefix);
  return product(reshape(x, {-1, inputs}, name + ".rows"), weight(prefix + "weight"),
                 weight(prefix + "bias"), name);
}

ValueId NetworkBuilder::layer_norm(ValueId x, const std::string& prefix) {
  return node(LayerNormalization{}, {x, weight(prefix + "weight"), weight(prefix + "bias")},
              layer_name(prefix));
}

ValueId NetworkBuilder::add(ValueId a, ValueId b, const std::string& name) {
  return node(Binary{BinaryKind::kAdd}, {a, b}, name);
}

std::string layer_name(const std::string& prefix) {
  return prefix.ends_with('.') ? prefix.substr(0, prefix.size() - 1) : prefix;
}

}  // namespace tendon
