// TopK, ArgMax, ArgMin and CumSum: plain loops along one axis.
#include <numeric>

#include "backends/cpu/kernels.h"
#include "backends/cpu/lanes.h"
#include "ops/wide.h"

namespace tendon::cpu {
namespace {

template <class Element>
bool is_nan(Element x) {
  return x != x;
}

template <class Element>
class ArgReduceKernel final : public Kernel {
 public:
  ArgReduceKernel(const ArgReduce& op, const AxisSplit& split)
      : max_(op.kind == ArgReduceKind::kMax), last_(op.select_last_index), split_(split) {}

  void run(const KernelArguments& arguments) const override {
    const auto* x = static_cast<const Element*>(arguments.inputs[0]);
    auto* places = static_cast<int64_t*>(arguments.outputs[0]);
    for_lanes(split_, [&](int64_t outer, int64_t begin, int64_t end) {
      const Element* from = x + outer * split_.count * split_.inner;
      int64_t* to = places + outer * split_.inner;
      std::fill(to + begin, to + end, 0);
      for (int64_t k = 1; k < split_.count; ++k) {
        for (int64_t i = begin; i < end; ++i) {
          if (wins(from[k * split_.inner + i], from[to[i] * split_.inner + i])) to[i] = k;
        }
      }
    });
  }

 private:
  bool wins(Element a, Element b) const {
    if (is_nan(a) || is_nan(b)) return is_nan(a) && (!is_nan(b) || last_);
    if (a == b) return last_;
    return (a > b) == max_;
  }

  bool max_;
  bool last_;
  AxisSplit split_;
};

/// Each lane keeps its best k places in a heap in the workspace.
template <class Element>
class TopKKernel final : public Kernel {
 public:
  TopKKernel(const TopK& op, const AxisSplit& split, int64_t k)
      : largest_(op.largest), split_(split), k_(k) {}

  size_t workspace_bytes() const override {
    return static_cast<size_t>(split_.outer * split_.inner * k_) * sizeof(int64_t);
  }
  void run(const KernelArguments& arguments) const override {
    const auto* x = static_cast<const Element*>(arguments.inputs[0]);
    auto* values = static_cast<Element*>(arguments.outputs[0]);
    auto* places =
        arguments.outputs.size() > 1 ? static_cast<int64_t*>(arguments.outputs[1]) : nullptr;
    auto* heaps = reinterpret_cast<int64_t*>(arguments.workspace);
    for_lanes(split_, [&](int64_t outer, int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const Element* lane = x + outer * split_.count * split_.inner + i;
        int64_t* heap = heaps + (outer * split_.inner + i) * k_;
        choose(lane, heap);
        for (int64_t j = 0; j < k_; ++j) {
          const int64_t to = (outer * k_ + j) * split_.inner + i;
          if (values != nullptr) values[to] = lane[heap[j] * split_.inner];
          if (places != nullptr) places[to] = heap[j];
        }
      }
    });
  }

 private:
  void choose(const Element* lane, int64_t* heap) const {
    const auto more = [](Element a, Element b) { return a > b || (is_nan(a) && !is_nan(b)); };
    const auto before = [&](int64_t i, int64_t j) {
      const Element a = lane[i * split_.inner];
      const Element b = lane[j * split_.inner];
      if (more(a, b) || more(b, a)) return more(a, b) == largest_;
      return i < j;
    };
    std::iota(heap, heap + k_, 0);
    std::make_heap(heap, heap + k_, before);
    for (int64_t i = k_; i < split_.count; ++i) {
      if (!before(i, heap[0])) continue;
      std::pop_heap(heap, heap + k_, before);
      heap[k_ - 1] = i;
      std::push_heap(heap, heap + k_, before);
    }
    std::sort_heap(heap, heap + k_, before);
  }

  bool largest_;
  AxisSplit split_;
  int64_t k_;
};

/// Sums in double or int64, a block of neighbouring lanes at a time.
template <class Element>
class CumSumKernel final : public Kernel {
 public:
  CumSumKernel(const CumSum& op, const AxisSplit& split) : op_(op), split_(split) {}

  void run(const KernelArguments& arguments) const override {
    const auto* x = static_cast<const Element*>(arguments.inputs[0]);
    auto* y = static_cast<Element*>(arguments.outputs[0]);
    for_lanes(split_, [&](int64_t outer, int64_t begin, int64_t end) {
      const int64_t first = outer * split_.count * split_.inner;
      for (int64_t i = begin; i < end; i += kBlock) {
        sum_block(x + first + i, y + first + i, std::min(kBlock, end - i));
      }
    });
  }
  int in_place_input() const override { return 0; }

 private:
  using Wide = WideOf<Element>;
  static constexpr int64_t kBlock = 64;

  void sum_block(const Element* x, Element* y, int64_t lanes) const {
    Wide sums[kBlock] = {};
    for (int64_t k = 0; k < split_.count; ++k) {
      const int64_t row = (op_.reverse ? split_.count - 1 - k : k) * split_.inner;
      for (int64_t i = 0; i < lanes; ++i) {
        const Wide before = sums[i];
        sums[i] = wrapping_sum(before, static_cast<Wide>(x[row + i]));
        y[row + i] = static_cast<Element>(op_.exclusive ? before : sums[i]);
      }
    }
  }

  CumSum op_;
  AxisSplit split_;
};

AxisSplit split_of(const KernelRequest& request, int64_t axis) {
  const Shape& shape = request.input_shape(0);
  return split_at(shape, normalize_axis(axis, shape.rank()));
}

}  // namespace

Offer make_arg_reduce(const ArgReduce& op, const KernelRequest& request) {
  if (request.outputs[0].shape.element_count() == 0) return decline("the output is empty");
  return visit_common(request.inputs[0].type.dtype, [&](auto element) -> Offer {
    return std::make_unique<ArgReduceKernel<decltype(element)>>(op, split_of(request, op.axis));
  });
}

Offer make_top_k(const TopK& op, const KernelRequest& request) {
  const Shape& output = request.outputs[0].shape;
  if (output.element_count() == 0) return decline("the output is empty");
  const int64_t k = output[normalize_axis(op.axis, output.rank())];
  return visit_common(request.inputs[0].type.dtype, [&](auto element) -> Offer {
    return std::make_unique<TopKKernel<decltype(element)>>(op, split_of(request, op.axis), k);
  });
}

Offer make_cum_sum(const CumSum& op, const KernelRequest& request) {
  if (request.outputs[0].shape.element_count() == 0) return decline("the output is empty");
  if (request.inputs[1].value == nullptr) return decline("needs a constant axis");
  const int64_t axis = to_int64s(*request.inputs[1].value)[0];
  return visit_common(request.inputs[0].type.dtype, [&](auto element) -> Offer {
    return std::make_unique<CumSumKernel<decltype(element)>>(op, split_of(request, axis));
  });
}

}  // namespace tendon::cpu
