// FusedMatMul: with a constant matrix on tensor cores, of any other shape one element a thread.
#include "backends/cuda/gemm.h"
#include "backends/cuda/kernels.h"
#include "backends/cuda/product_parameters.h"

namespace tendon::cuda {
namespace {

struct BiasSteps {
  int64_t batch = 0;
  int row = 0;
  int column = 0;
};

/// How a bias that broadcasts to y is walked through as [batch, m, n]; nothing where that takes
/// more steps than three.
std::optional<BiasSteps> bias_steps(const Shape& bias, const Shape& y) {
  const int64_t count = bias.element_count();
  const int64_t n = y.back();
  const int64_t m = y.rank() > 1 ? y[y.rank() - 2] : 1;
  if (count == 1) return BiasSteps{};
  if (count == n && bias.back() == n) return BiasSteps{0, 0, 1};
  if (count == y.element_count()) return BiasSteps{m * n, static_cast<int>(n), 1};
  const bool is_matrix = bias.rank() >= 2 && bias[bias.rank() - 2] == m && bias.back() == n;
  if (is_matrix && count == m * n) return BiasSteps{0, static_cast<int>(n), 1};
  return std::nullopt;
}

}  // namespace

namespace {

/// Of floats or codes; without its tensors. `bias` is an input.
std::variant<GemmProblem, Declined> product_with_constant(const KernelRequest& request,
                                                          bool trans_b, size_t bias) {
  const Tensor* const b = request.inputs[1].value;
  if (b == nullptr || b->rank() != 2) return decline("needs a constant matrix as second input");
  const Shape& y = request.outputs[0].shape;
  if (y.element_count() == 0) return decline("has nothing to compute");
  const int64_t k = request.input_shape(0).back();
  const int64_t n = y.back();
  const int64_t m = y.element_count() / n;
  const auto chunk = static_cast<int64_t>(16 / size_of(request.inputs[0].type.dtype));
  if (k == 0 || k % chunk != 0) return decline("needs a multiple of {} columns, got {}", chunk, k);
  GemmProblem problem;
  GemmParameters& p = problem.parameters;
  if (request.has_input(bias)) {
    const auto steps = bias_steps(request.input_shape(bias), y);
    // A step from one batch entry to the next is a row's as well.
    const int64_t rows = y.rank() > 1 ? y[y.rank() - 2] : 1;
    if (!steps || (rows != m && steps->row != 0 && steps->batch == 0)) {
      return decline("needs a bias for rows or columns, got {}", request.input_shape(bias));
    }
    p.bias_row_step = steps->row;
    p.bias_column_step = steps->column;
  }
  p.m = static_cast<int>(m);
  p.n = static_cast<int>(n);
  p.chunks = static_cast<int>(k / chunk);
  p.tap_chunks = p.chunks;
  p.kernel_w = 1;
  p.image_step = static_cast<int>(k);
  p.height = 1;
  p.width = 1;
  p.out_width = 1;
  p.out_points = 1;
  p.stride_h = 1;
  p.stride_w = 1;
  p.dilation_h = 1;
  p.dilation_w = 1;
  problem.weight_index = [k, n, trans_b](int64_t row, int64_t column) -> int64_t {
    if (column >= k) return -1;
    return trans_b ? row * k + column : column * n + row;
  };
  return problem;
}

}  // namespace

std::variant<GemmProblem, Declined> matmul_problem(const FusedMatMul& op,
                                                   const KernelRequest& request) {
  if (auto declined = unless_floating(request)) return *declined;
  if (auto declined = unless_rows_align(request, 3)) return *declined;
  auto problem = product_with_constant(request, op.trans_b, 2);
  if (auto* found = std::get_if<GemmProblem>(&problem)) {
    set_operands(*found, request);
    found->parameters.alpha = op.alpha;
    found->parameters.activation = static_cast<int>(op.activation);
  }
  return problem;
}

std::variant<GemmProblem, Declined> matmul_problem(const QuantizedMatMul& op,
                                                   const KernelRequest& request) {
  if (auto declined = unless_codes(request)) return *declined;
  if (auto declined = unless_rows_align(request, 4)) return *declined;
  auto problem = product_with_constant(request, op.trans_b, 3);
  if (auto* found = std::get_if<GemmProblem>(&problem)) {
    if (request.has_input(3) && found->parameters.bias_column_step != 1) {
      return decline("needs a bias of whole rows, got {}", request.input_shape(3));
    }
    set_operands(*found, request, op.residual_scale, op.y_scale);
    found->parameters.activation = static_cast<int>(op.activation);
  }
  return problem;
}

namespace {

template <class Product>
Offer make_gemm_product(const Product& op, const KernelRequest& request) {
  auto problem = matmul_problem(op, request);
  if (auto* declined = std::get_if<Declined>(&problem)) return std::move(*declined);
  return std::make_unique<GemmKernel>(request, std::get<GemmProblem>(std::move(problem)));
}

}  // namespace

Offer make_matmul(const FusedMatMul& op, const KernelRequest& request) {
  return make_gemm_product(op, request);
}

Offer make_int8_matmul(const QuantizedMatMul& op, const KernelRequest& request) {
  return make_gemm_product(op, request);
}

namespace {

class ProductKernel final : public CudaKernel {
 public:
  /// `lanes` threads share an element of the result; with few columns a block a row.
  ProductKernel(const KernelRequest& request, const ProductParameters& parameters, int64_t lanes)
      : CudaKernel(request), parameters_(parameters) {
    for (size_t i = 0; i < 4; ++i) inputs_[i] = Source(request, i);
    const DataType dtype = request.outputs[0].dtype;
    const std::string image = image_of("product", request);
    const int64_t rows = int64_t{parameters.batch} * parameters.m;
    // The blocks of rows divide by their number, and one runs at least.
    if (lanes > 1 && rows > 0 && parameters.n <= kRowColumns) {
      launch_ = launch_for(device_.function(image, fmt::format("row_{}", suffix_of(dtype))),
                           rows * kRowThreads, kRowThreads);
      launch_.shared_bytes = kRowColumns * kRowPitch * sizeof(float);
      return;
    }
    const std::string name = fmt::format("{}_{}", lanes == 1 ? "product" : "dot", suffix_of(dtype));
    launch_ = launch_for(device_.function(image, name),
                         request.outputs[0].shape.element_count() * lanes, 128);
  }
  void run(const KernelArguments& arguments) const override {
    ProductParameters p = parameters_;
    p.a = inputs_[0].in(arguments);
    p.b = inputs_[1].in(arguments);
    p.bias = inputs_[2].in(arguments);
    p.residual = inputs_[3].in(arguments);
    p.y = arguments.outputs[0];
    launch(launch_, p, arguments);
  }

 private:
  ProductParameters parameters_;
  std::array<Source, 4> inputs_;
  Launch launch_;
};

Offer make_simple(const FusedMatMul& op, const KernelRequest& request, int64_t lanes) {
  if (auto declined = unless_floating(request)) return *declined;
  const Shape& a = request.input_shape(0);
  const Shape& b = request.input_shape(1);
  const Shape& y = request.outputs[0].shape;
  if (a.rank() < 2 || b.rank() < 2) return decline("needs matrices, got {} and {}", a, b);
  ProductParameters p{};
  p.k = static_cast<int>(a.back());
  p.n = static_cast<int>(y.back());
  p.m = static_cast<int>(y[y.rank() - 2]);
  const int64_t matrices = int64_t{p.m} * p.n;
  p.batch = matrices == 0 ? 0 : static_cast<int>(y.element_count() / matrices);
  const auto batch_step = [&](const Shape& shape) -> std::optional<int64_t> {
    const int64_t matrix = shape.back() * shape[shape.rank() - 2];
    if (matrix == 0 || shape.element_count() == matrix) return 0;
    if (shape.element_count() == matrix * p.batch) return matrix;
    return std::nullopt;
  };
  const auto a_step = batch_step(a);
  const auto b_step = batch_step(b);
  if (!a_step || !b_step) {
    return decline("needs batches of equal size or one matrix, got {} and {}", a, b);
  }
  p.a_batch_step = *a_step;
  p.b_batch_step = *b_step;
  p.b_k_step = op.trans_b ? 1 : p.n;
  p.b_n_step = op.trans_b ? p.k : 1;
  if (request.has_input(2)) {
    const auto steps = bias_steps(request.input_shape(2), y);
    if (!steps) {
      return decline("needs a bias for rows or columns, got {}", request.input_shape(2));
    }
    p.bias_batch_step = steps->batch;
    p.bias_row_step = steps->row;
    p.bias_column_step = steps->column;
  }
  p.residual_row_step = row_step_of(request, 3);
  p.alpha = op.alpha;
  p.activation = static_cast<int>(op.activation);
  return std::make_unique<ProductKernel>(request, p, lanes);
}

}  // namespace

Offer make_product(const FusedMatMul& op, const KernelRequest& request) {
  return make_simple(op, request, 1);
}

Offer make_dot(const FusedMatMul& op, const KernelRequest& request) {
  // Beyond that tensor cores are quicker, and below that so is one thread.
  constexpr int64_t kMostElements = 8192;
  constexpr int64_t kMostColumns = 32;
  constexpr int64_t kFewestProducts = 64;
  const Shape& y = request.outputs[0].shape;
  const int64_t products = request.input_shape(0).rank() == 0 ? 0 : request.input_shape(0).back();
  if (y.rank() < 2 || y.element_count() > kMostElements || y.back() > kMostColumns ||
      products < kFewestProducts) {
    return decline("needs at most {} elements in {} columns, and {} products for each",
                   kMostElements, kMostColumns, kFewestProducts);
  }
  return make_simple(op, request, 32);
}

}  // namespace tendon::cuda
