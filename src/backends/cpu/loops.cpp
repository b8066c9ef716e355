// Elementwise operators without vector code of their own, in loops that the compiler may vectorise.
#include <cmath>

#include "backends/cpu/kernels.h"
#include "backends/cpu/lanes.h"
#include "backends/cpu/loop_nest.h"

namespace tendon::cpu {
namespace {

/// The function itself in double precision, an element at a time.
class UnaryLoop final : public Kernel {
 public:
  UnaryLoop(const Unary& op, int64_t count) : op_(op), count_(count) {}
  void run(const KernelArguments& arguments) const override {
    const float* x = floats(arguments, 0);
    float* y = output_floats(arguments);
    parallel_for(count_, kElementsPerTask / 16, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) y[i] = static_cast<float>(op_.apply(x[i]));
    });
  }
  int in_place_input() const override { return 0; }

 private:
  Unary op_;
  int64_t count_;
};

class NotKernel final : public Kernel {
 public:
  explicit NotKernel(int64_t count) : count_(count) {}
  void run(const KernelArguments& arguments) const override {
    const auto* x = static_cast<const bool*>(arguments.inputs[0]);
    auto* y = static_cast<bool*>(arguments.outputs[0]);
    parallel_for(count_, kElementsPerTask, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) y[i] = !x[i];
    });
  }
  int in_place_input() const override { return 0; }

 private:
  int64_t count_;
};

/// y = function(a, b) of two broadcast tensors; y may be an operand of its own shape.
template <class From, class To, class Function>
void join(const LoopNest<2>& loops, const From* a, const From* b, To* y, Function function) {
  const int64_t n = loops.inner();
  const int64_t step_a = loops.inner_stride(0);
  const int64_t step_b = loops.inner_stride(1);
  parallel_for(loops.rows(), rows_per_task(n), [&](int64_t begin, int64_t end) {
    loops.for_rows(begin, end, [&](int64_t row, const std::array<int64_t, 2>& offsets) {
      const From* left = a + offsets[0];
      const From* right = b + offsets[1];
      To* to = y + row * n;
      if (step_a == 1 && step_b == 1) {
        for (int64_t i = 0; i < n; ++i) to[i] = function(left[i], right[i]);
      } else {
        for (int64_t i = 0; i < n; ++i) to[i] = function(left[i * step_a], right[i * step_b]);
      }
    });
  });
}

template <class From, class To, class Function>
class JoinKernel final : public Kernel {
 public:
  JoinKernel(const KernelRequest& request, Function function)
      : loops_(broadcast_loops<2>(request.outputs[0].shape,
                                  {request.input_shape(0), request.input_shape(1)})),
        function_(function) {}
  void run(const KernelArguments& arguments) const override {
    join(loops_, static_cast<const From*>(arguments.inputs[0]),
         static_cast<const From*>(arguments.inputs[1]), static_cast<To*>(arguments.outputs[0]),
         function_);
  }

 private:
  LoopNest<2> loops_;
  Function function_;
};

template <class From, class To, class Function>
Offer make_join(const KernelRequest& request, Function function) {
  return std::make_unique<JoinKernel<From, To, Function>>(request, function);
}

/// The first two inputs into y, then each further one with y; a mean is divided at the end.
template <class Element, class Function>
class FoldKernel final : public Kernel {
 public:
  FoldKernel(const KernelRequest& request, Function function, bool mean)
      : function_(function), count_(request.outputs[0].shape.element_count()) {
    const Shape& output = request.outputs[0].shape;
    loops_.push_back(broadcast_loops<2>(output, {request.input_shape(0), request.input_shape(1)}));
    for (size_t i = 2; i < request.inputs.size(); ++i) {
      loops_.push_back(broadcast_loops<2>(output, {output, request.input_shape(i)}));
    }
    if (mean) share_ = 1.0F / static_cast<float>(request.inputs.size());
  }
  void run(const KernelArguments& arguments) const override {
    auto* y = static_cast<Element*>(arguments.outputs[0]);
    for (size_t i = 0; i < loops_.size(); ++i) {
      const void* left = i == 0 ? arguments.inputs[0] : y;
      join(loops_[i], static_cast<const Element*>(left),
           static_cast<const Element*>(arguments.inputs[i + 1]), y, function_);
    }
    if constexpr (std::is_same_v<Element, float>) {
      if (share_ != 1.0F) {
        parallel_for(count_, kElementsPerTask, [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) y[i] *= share_;
        });
      }
    }
  }

 private:
  Function function_;
  int64_t count_;
  std::vector<LoopNest<2>> loops_;
  float share_ = 1;
};

template <class Element, class Function>
Offer make_fold(const KernelRequest& request, Function function, bool mean = false) {
  return std::make_unique<FoldKernel<Element, Function>>(request, function, mean);
}

/// Integers wrap around, as their reference does.
template <class Element>
Offer make_integer_binary(const Binary& op, const KernelRequest& request) {
  using Bits = std::make_unsigned_t<Element>;
  const auto offer = [&](auto function) {
    return make_join<Element, Element>(request, [function](Element a, Element b) {
      return static_cast<Element>(function(static_cast<Bits>(a), static_cast<Bits>(b)));
    });
  };
  switch (op.kind) {
    case BinaryKind::kAdd: return offer(std::plus<Bits>{});
    case BinaryKind::kSub: return offer(std::minus<Bits>{});
    case BinaryKind::kMul: return offer(std::multiplies<Bits>{});
    default: return decline("no loop for {} of integers", op.onnx_type());
  }
}

/// Squares, cubes and roots where the exponent is one constant.
Offer make_power(const KernelRequest& request) {
  const Tensor* exponent = request.inputs[1].value;
  const bool lone = exponent != nullptr && exponent->size() == 1;
  const float power = lone ? exponent->data<float>()[0] : 0.0F;
  if (power == 2) return make_join<float, float>(request, [](float a, float) { return a * a; });
  if (power == 3) return make_join<float, float>(request, [](float a, float) { return a * a * a; });
  return make_join<float, float>(request, [](float a, float b) { return std::pow(a, b); });
}

template <class Element>
Offer make_typed_comparison(ComparisonKind kind, const KernelRequest& request) {
  const auto offer = [&](auto function) { return make_join<Element, bool>(request, function); };
  switch (kind) {
    case ComparisonKind::kEqual: return offer(std::equal_to<Element>{});
    case ComparisonKind::kLess: return offer(std::less<Element>{});
    case ComparisonKind::kLessOrEqual: return offer(std::less_equal<Element>{});
    case ComparisonKind::kGreater: return offer(std::greater<Element>{});
    case ComparisonKind::kGreaterOrEqual: return offer(std::greater_equal<Element>{});
    default: return decline("needs bool");
  }
}

}  // namespace

Offer make_unary_loop(const Unary& op, const KernelRequest& request) {
  if (op.kind == UnaryKind::kNot) {
    return std::make_unique<NotKernel>(request.outputs[0].shape.element_count());
  }
  if (auto declined = unless_float32(request)) return *declined;
  return std::make_unique<UnaryLoop>(op, request.outputs[0].shape.element_count());
}

Offer make_binary_loop(const Binary& op, const KernelRequest& request) {
  if (request.outputs[0].shape.element_count() == 0) return decline("the output is empty");
  const DataType dtype = request.inputs[0].type.dtype;
  if (dtype == DataType::kInt32) return make_integer_binary<int32_t>(op, request);
  if (dtype == DataType::kInt64) return make_integer_binary<int64_t>(op, request);
  if (auto declined = unless_float32(request)) return *declined;
  if (op.kind == BinaryKind::kPow) return make_power(request);
  if (op.kind == BinaryKind::kPRelu) {
    return make_join<float, float>(request,
                                   [](float a, float slope) { return a < 0 ? slope * a : a; });
  }
  return decline("no loop for {}", op.onnx_type());
}

Offer make_comparison(const Comparison& op, const KernelRequest& request) {
  if (request.outputs[0].shape.element_count() == 0) return decline("the output is empty");
  const DataType dtype = request.inputs[0].type.dtype;
  if (dtype != DataType::kBool) {
    return visit_common(dtype, [&](auto element) {
      return make_typed_comparison<decltype(element)>(op.kind, request);
    });
  }
  const auto offer = [&](auto function) { return make_join<bool, bool>(request, function); };
  switch (op.kind) {
    case ComparisonKind::kEqual: return offer(std::equal_to<bool>{});
    case ComparisonKind::kAnd: return offer(std::logical_and<bool>{});
    case ComparisonKind::kOr: return offer(std::logical_or<bool>{});
    case ComparisonKind::kXor: return offer(std::not_equal_to<bool>{});
    default: return decline("{} does not take bool", op.onnx_type());
  }
}

Offer make_variadic(const Variadic& op, const KernelRequest& request) {
  if (request.outputs[0].shape.element_count() == 0) return decline("the output is empty");
  if (request.inputs.size() < 2) return decline("needs two inputs or more");
  return visit_common(request.inputs[0].type.dtype, [&](auto element) {
    using Element = decltype(element);
    // x != x holds for NaN only, which has to win.
    switch (op.kind) {
      case VariadicKind::kMax:
        return make_fold<Element>(request,
                                  [](Element a, Element x) { return x > a || x != x ? x : a; });
      case VariadicKind::kMin:
        return make_fold<Element>(request,
                                  [](Element a, Element x) { return x < a || x != x ? x : a; });
      default:
        return make_fold<Element>(
            request, [](Element a, Element x) { return static_cast<Element>(a + x); },
            op.kind == VariadicKind::kMean);
    }
  });
}

}  // namespace tendon::cpu
