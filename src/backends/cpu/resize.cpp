// Resize in float32: one axis after the other, each through its taps.
#include <cmath>

#include "backends/cpu/kernels.h"
#include "backends/cpu/support.h"

namespace tendon::cpu {
namespace {

/// One axis that changes. Output position o is the sum of the taps [first[o], first[o + 1]).
struct Step {
  int64_t outer = 1;
  int64_t input = 1;
  int64_t inner = 1;
  std::vector<size_t> first;
  std::vector<int64_t> index;
  std::vector<float> weight;

  int64_t output() const { return std::ssize(first) - 1; }
  int64_t size() const { return outer * output() * inner; }
};

void run_step(const Step& step, const float* x, float* y) {
  const int64_t inner = step.inner;
  parallel_for(step.outer * step.output(), rows_per_task(inner), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const auto o = static_cast<size_t>(row % step.output());
      const float* from = x + row / step.output() * step.input * inner;
      float* to = y + row * inner;
      const auto tap = [&](size_t i) { return from + step.index[i] * inner; };
      const size_t last = step.first[o + 1];
      size_t i = step.first[o];
      if (last - i == 1 && step.weight[i] == 1.0f) {
        std::copy_n(tap(i), inner, to);
        continue;
      }
      const float first_weight = step.weight[i];
      const float* first = tap(i++);
      for (int64_t k = 0; k < inner; ++k) to[k] = first_weight * first[k];
      for (; i < last; ++i) {
        const float weight = step.weight[i];
        const float* next = tap(i);
        for (int64_t k = 0; k < inner; ++k) to[k] += weight * next[k];
      }
    }
  });
}

class ResizeKernel final : public Kernel {
 public:
  explicit ResizeKernel(std::vector<Step> steps) : steps_(std::move(steps)) {
    for (size_t i = 0; i + 1 < steps_.size(); ++i) {
      largest_ = std::max(largest_, steps_[i].size());
    }
  }

  void run(const KernelArguments& arguments) const override {
    auto* spare = reinterpret_cast<float*>(arguments.workspace);
    const float* x = floats(arguments, 0);
    for (size_t i = 0; i < steps_.size(); ++i) {
      float* y =
          i + 1 == steps_.size() ? output_floats(arguments) : spare + (i % 2 == 0 ? 0 : largest_);
      run_step(steps_[i], x, y);
      x = y;
    }
  }
  size_t workspace_bytes() const override {
    const size_t spares = steps_.size() > 2 ? 2 : steps_.size() - 1;
    return spares * static_cast<size_t>(largest_) * sizeof(float);
  }

 private:
  std::vector<Step> steps_;
  /// Elements of the largest result but the last.
  int64_t largest_ = 0;
};

}  // namespace

Offer make_resize(const Resize& op, const KernelRequest& request) {
  if (request.inputs[0].type.dtype != DataType::kFloat32) return decline("needs float32");
  if (op.coordinate_transformation_mode == "tf_crop_and_resize") {
    return decline("does not crop");
  }
  Shape shape = request.input_shape(0);
  if (request.outputs[0].shape.element_count() == 0) return decline("the output is empty");
  const Tensor* values[4] = {};
  for (size_t i = 2; i < std::size(values); ++i) {
    if (!request.has_input(i)) continue;
    values[i] = request.inputs[i].value;
    if (values[i] == nullptr) return decline("needs constant scales and sizes");
  }
  const auto axes = op.resized_axes(shape, nullptr, values[2], values[3]);
  std::vector<Step> steps;
  for (int i = 0; i < shape.rank(); ++i) {
    const Resize::Axis& axis = axes[static_cast<size_t>(i)];
    if (!axis.changes()) continue;
    Step step{extent(shape, 0, i), shape[i], extent(shape, i + 1, shape.rank()), {0}, {}, {}};
    for (const auto& taps : axis.taps) {
      for (const Resize::Tap& tap : taps) {
        step.index.push_back(tap.index);
        step.weight.push_back(static_cast<float>(tap.weight));
      }
      step.first.push_back(step.index.size());
    }
    shape[i] = step.output();
    steps.push_back(std::move(step));
  }
  if (steps.empty()) return decline("changes nothing");
  return std::make_unique<ResizeKernel>(std::move(steps));
}

}  // namespace tendon::cpu
