// Reductions over any axes, and Softmax and LogSoftmax along any axis, in double precision.
#include <cmath>
#include <limits>

#include "backends/cpu/kernels.h"
#include "backends/cpu/lanes.h"
#include "backends/cpu/loop_nest.h"

namespace tendon::cpu {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// x != x holds for NaN only, which has to win.
double larger(double a, double x) { return x > a || x != x ? x : a; }
double smaller(double a, double x) { return x < a || x != x ? x : a; }
/// What exponents are taken against, so that none overflows.
double shift_of(double largest) { return std::isfinite(largest) ? largest : 0; }

class ReduceLoop final : public Kernel {
 public:
  /// `reduced` holds the reduced axes of `shape`, ascending.
  ReduceLoop(ReduceKind kind, const Shape& shape, std::span<const int> reduced) : kind_(kind) {
    const Strides strides = row_major_strides(shape);
    for (int axis = 0; axis < shape.rank(); ++axis) {
      const bool folds = std::ranges::binary_search(reduced, axis);
      (folds ? reduced_ : kept_).push_axis(shape[axis], {strides[static_cast<size_t>(axis)]});
    }
    reduced_.finish();
    kept_.finish();
    count_ = reduced_.rows() * reduced_.inner();
  }

  void run(const KernelArguments& arguments) const override {
    const float* x = floats(arguments, 0);
    float* y = output_floats(arguments);
    const int64_t inner = kept_.inner();
    const int64_t step = kept_.inner_stride(0);
    parallel_for(kept_.rows(), rows_per_task(inner * count_), [&](int64_t begin, int64_t end) {
      kept_.for_rows(begin, end, [&](int64_t row, const std::array<int64_t, 1>& offsets) {
        for (int64_t i = 0; i < inner; ++i) {
          y[row * inner + i] = static_cast<float>(reduce(x + offsets[0] + i * step));
        }
      });
    });
  }

 private:
  template <class Step>
  double fold(const float* x, double start, const Step& step) const {
    double result = start;
    const int64_t inner = reduced_.inner();
    const int64_t stride = reduced_.inner_stride(0);
    reduced_.for_rows(0, reduced_.rows(), [&](int64_t, const std::array<int64_t, 1>& offsets) {
      const float* row = x + offsets[0];
      for (int64_t i = 0; i < inner; ++i) result = step(result, double{row[i * stride]});
    });
    return result;
  }
  double reduce(const float* x) const {
    const auto sum = [](double a, double b) { return a + b; };
    const auto squares = [](double a, double b) { return a + b * b; };
    switch (kind_) {
      case ReduceKind::kMean: return fold(x, 0, sum) / static_cast<double>(count_);
      case ReduceKind::kSum: return fold(x, 0, sum);
      case ReduceKind::kMax: return fold(x, -kInfinity, larger);
      case ReduceKind::kMin: return fold(x, kInfinity, smaller);
      case ReduceKind::kProd: return fold(x, 1, [](double a, double b) { return a * b; });
      case ReduceKind::kSumSquare: return fold(x, 0, squares);
      case ReduceKind::kL1: return fold(x, 0, [](double a, double b) { return a + std::fabs(b); });
      case ReduceKind::kL2: return std::sqrt(fold(x, 0, squares));
      case ReduceKind::kLogSum: return std::log(fold(x, 0, sum));
      case ReduceKind::kLogSumExp: break;
    }
    const double shift = shift_of(fold(x, -kInfinity, larger));
    return shift +
           std::log(fold(x, 0, [shift](double a, double b) { return a + std::exp(b - shift); }));
  }

  ReduceKind kind_;
  LoopNest<1> reduced_;
  LoopNest<1> kept_;
  int64_t count_ = 1;
};

class SoftmaxLoop final : public Kernel {
 public:
  SoftmaxLoop(const AxisSplit& split, bool logarithm) : split_(split), logarithm_(logarithm) {}

  void run(const KernelArguments& arguments) const override {
    const float* x = floats(arguments, 0);
    float* y = output_floats(arguments);
    for_lanes(split_, [&](int64_t outer, int64_t begin, int64_t end) {
      const int64_t first = outer * split_.count * split_.inner;
      for (int64_t i = begin; i < end; ++i) run_lane(x + first + i, y + first + i);
    });
  }
  int in_place_input() const override { return 0; }

 private:
  void run_lane(const float* x, float* y) const {
    double largest = -kInfinity;
    for (int64_t k = 0; k < split_.count; ++k) largest = larger(largest, x[k * split_.inner]);
    const double shift = shift_of(largest);
    double sum = 0;
    for (int64_t k = 0; k < split_.count; ++k) sum += std::exp(x[k * split_.inner] - shift);
    const double logarithm = shift + std::log(sum);
    for (int64_t k = 0; k < split_.count; ++k) {
      const double element = x[k * split_.inner];
      y[k * split_.inner] =
          static_cast<float>(logarithm_ ? element - logarithm : std::exp(element - shift) / sum);
    }
  }

  AxisSplit split_;
  bool logarithm_;
};

Offer make_along(int64_t axis, bool logarithm, const KernelRequest& request) {
  if (auto declined = unless_float32(request)) return *declined;
  const Shape& shape = request.input_shape(0);
  return std::make_unique<SoftmaxLoop>(split_at(shape, normalize_axis(axis, shape.rank())),
                                       logarithm);
}

}  // namespace

Offer make_reduce_loop(const Reduce& op, const KernelRequest& request) {
  const TensorType& x = request.inputs[0].type;
  if (x.dtype != DataType::kFloat32) return decline("needs float32, got {}", x.dtype);
  if (x.shape.element_count() == 0) return decline("the input is empty");
  const bool has_axes = request.has_input(1);
  if (has_axes && request.inputs[1].value == nullptr) return decline("needs known axes");
  const std::vector<int64_t> axes =
      has_axes ? to_int64s(*request.inputs[1].value) : std::vector<int64_t>{};
  return std::make_unique<ReduceLoop>(op.kind, x.shape, op.reduced_axes(axes, x.shape.rank()));
}

Offer make_softmax_loop(const Softmax& op, const KernelRequest& request) {
  return make_along(op.axis, false, request);
}

Offer make_log_softmax(const LogSoftmax& op, const KernelRequest& request) {
  return make_along(op.axis, true, request);
}

}  // namespace tendon::cpu
