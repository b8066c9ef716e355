// FusedMatMul, MatMul, Gemm and QuantizedMatMul on oneDNN.
#include "backends/cpu/kernels.h"
#include "backends/cpu/onednn.h"
#include "base/data_type.h"

namespace tendon::cpu {
namespace {

/// y = activation(alpha * a b + residual + addends), where b may be stored transposed.
struct Product {
  bool trans_b = false;
  float alpha = 1.0f;
  Activation activation = Activation::kNone;
  /// Node input of y's shape that is added.
  std::optional<size_t> residual;
  /// Node inputs that are added, broadcast to y.
  std::vector<size_t> addends;
};

/// `shape` aligned at the last axis to `rank` axes.
std::vector<int64_t> aligned_dims(const Shape& shape, int rank) {
  std::vector<int64_t> dims(static_cast<size_t>(rank - shape.rank()), 1);
  dims.insert(dims.end(), shape.begin(), shape.end());
  return dims;
}

OnednnOperand dense(size_t input, std::vector<int64_t> dims) {
  std::vector<int64_t> strides = dense_strides(dims);
  return {input, std::move(dims), std::move(strides)};
}

/// Whether all of `shape` but the last axis broadcasts, so that any number of rows can share it.
bool is_row(const Shape& shape) { return extent(shape, 0, shape.rank() - 1) == 1; }

/// One matrix where `b` has no batch: the batch axes of `a` are just more rows.
bool can_flatten(const KernelRequest& request, const Product& product) {
  const Shape& b = request.input_shape(1);
  const Shape& y = request.outputs[0].shape;
  if (extent(b, 0, b.rank() - 2) != 1) return false;
  if (request.input_shape(0).rank() != y.rank()) return false;
  return std::ranges::all_of(product.addends, [&](size_t input) {
    const Shape& shape = request.input_shape(input);
    return shape == y || shape.rank() == 0 || is_row(shape);
  });
}

OnednnOperand as_image(const OnednnOperand& matrix) {
  const int64_t rows = matrix.dims[0], columns = matrix.dims[1];
  OnednnOperand image = matrix;
  image.dims = {1, columns, 1, rows};
  image.strides = {rows * columns, 1, rows * columns, columns};
  return image;
}

/// The same as a convolution of one row of pixels by windows of one, for which oneDNN has other
/// code.
Offer as_convolution(OnednnProblem problem) {
  if (problem.x.dims.size() != 2 || problem.weight.dims.size() != 2) {
    return decline("needs one matrix product");
  }
  if (problem.weight_value == nullptr) return decline("needs a constant weight");
  problem.x = as_image(problem.x);
  problem.y = as_image(problem.y);
  problem.weight.dims = {problem.weight.dims[1], problem.weight.dims[0], 1, 1};
  problem.weight.strides = {problem.weight.strides[1], problem.weight.strides[0], 1, 1};
  for (OnednnOperand& addend : problem.addends) addend = as_image(addend);
  return onednn_convolution(problem, {{1, 1}, {1, 1}, {0, 0}, {0, 0}});
}

Offer compute(const OnednnProblem& problem, float alpha, ProductVariant variant) {
  if (variant != ProductVariant::kConvolution) return onednn_product(problem, alpha);
  if (alpha != 1.0F) return decline("needs alpha=1, got {}", alpha);
  if (problem.x.dtype == DataType::kInt8 && exact_weight_limit() < 127) {
    return decline("oneDNN's convolutions of int8 halve the weights without VNNI");
  }
  return as_convolution(problem);
}

int implementation_of(ProductVariant variant) { return variant == ProductVariant::kSecond ? 1 : 0; }

Offer make(const Product& product, const KernelRequest& request,
           ProductVariant variant = ProductVariant::kFirst) {
  if (auto declined = unless_float_product(request)) return *declined;
  const Shape& a = request.input_shape(0);
  const Shape& b = request.input_shape(1);
  const Shape& y = request.outputs[0].shape;
  if (a.rank() < 2 || b.rank() < 2) return decline("needs matrices, got {} and {}", a, b);

  const bool flat = can_flatten(request, product);
  const auto dims_of = [&](const Shape& shape) {
    if (!flat) return aligned_dims(shape, y.rank());
    const int64_t columns = shape.rank() == 0 ? 1 : shape.back();
    return std::vector<int64_t>{shape.element_count() / columns, columns};
  };
  const auto operand = [&](size_t input, std::vector<int64_t> dims) {
    OnednnOperand result = dense(input, std::move(dims));
    result.dtype = request.inputs[input].type.dtype;
    return result;
  };
  OnednnProblem problem;
  problem.x = operand(0, dims_of(a));
  problem.weight = operand(1, dims_of(b));
  if (product.trans_b) {
    std::swap(problem.weight.dims.end()[-1], problem.weight.dims.end()[-2]);
    std::swap(problem.weight.strides.end()[-1], problem.weight.strides.end()[-2]);
  }
  problem.y = dense(0, dims_of(y));
  problem.y.dtype = request.outputs[0].dtype;
  problem.residual = product.residual;
  problem.residual_dtype = problem.y.dtype;
  for (const size_t input : product.addends) {
    const Shape& shape = request.input_shape(input);
    // oneDNN scales its own bias by alpha unless alpha is already in the packed weight.
    const bool scaled = product.alpha != 1.0f && request.inputs[1].value == nullptr;
    if (!problem.bias && !scaled && shape.rank() > 0 && is_row(shape) && shape.back() == y.back()) {
      problem.bias = operand(input, {y.back()});
    } else {
      problem.addends.push_back(operand(input, dims_of(shape)));
    }
  }
  problem.activation = product.activation;
  problem.weight_value = request.inputs[1].value;
  problem.threads = request.threads;
  problem.packing = request.packing;
  problem.implementation = implementation_of(variant);
  return compute(problem, product.alpha, variant);
}

}  // namespace

Offer make_fused_matmul(const FusedMatMul& op, const KernelRequest& request) {
  return make_matmul_variant(op, request, ProductVariant::kFirst);
}

Offer make_matmul_variant(const FusedMatMul& op, const KernelRequest& request,
                          ProductVariant variant) {
  Product product{op.trans_b, op.alpha, op.activation, {}, {}};
  if (request.has_input(2)) product.addends.push_back(2);
  if (request.has_input(3)) product.residual = 3;
  return make(product, request, variant);
}

Offer make_quantized_matmul(const QuantizedMatMul& op, const KernelRequest& request) {
  return make_int8_matmul_variant(op, request, ProductVariant::kFirst);
}

Offer make_int8_matmul_variant(const QuantizedMatMul& op, const KernelRequest& request,
                               ProductVariant variant) {
  if (auto declined = unless_quantized(request)) return *declined;
  const Shape& a = request.input_shape(0);
  const Shape& y = request.outputs[0].shape;
  const auto matrix = [](const Shape& shape) {
    return std::vector<int64_t>{shape.element_count() / shape.back(), shape.back()};
  };
  OnednnProblem problem;
  problem.x = dense(0, matrix(a));
  problem.x.dtype = request.inputs[0].type.dtype;
  problem.weight = dense(1, matrix(request.input_shape(1)));
  problem.weight.dtype = DataType::kInt8;
  if (op.trans_b) {
    std::swap(problem.weight.dims[0], problem.weight.dims[1]);
    std::swap(problem.weight.strides[0], problem.weight.strides[1]);
  }
  problem.weight_value = request.inputs[1].value;
  problem.y = dense(0, matrix(y));
  problem.y.dtype = request.outputs[0].dtype;
  problem.scales = OnednnScales{2, request.inputs[2].value, op.residual_scale, op.y_scale};
  if (request.has_input(3)) {
    const Shape& bias = request.input_shape(3);
    if (is_row(bias) && bias.rank() > 0 && bias.back() == y.back()) {
      problem.bias = dense(3, {y.back()});
      problem.bias_value = request.inputs[3].value;
    } else if (bias.element_count() == y.element_count() && is_floating(op.y_dtype)) {
      problem.addends.push_back(dense(3, matrix(bias)));
    } else {
      return decline("needs a bias of one row, or of {} where the result is floating", y);
    }
  }
  if (request.has_input(4)) {
    problem.residual = 4;
    problem.residual_dtype = request.inputs[4].type.dtype;
  }
  problem.activation = op.activation;
  problem.threads = request.threads;
  problem.packing = request.packing;
  problem.implementation = implementation_of(variant);
  return compute(problem, 1.0F, variant);
}

Offer make_matmul(const MatMul&, const KernelRequest& request) { return make({}, request); }

Offer make_gemm(const Gemm& op, const KernelRequest& request) {
  if (op.trans_a) return decline("needs transA=0");
  Product product{op.trans_b, op.alpha, Activation::kNone, {}, {}};
  if (request.has_input(2)) {
    if (op.beta != 1.0f) return decline("needs beta=1, got {}", op.beta);
    product.addends.push_back(2);
  }
  return make(product, request);
}

}  // namespace tendon::cpu
