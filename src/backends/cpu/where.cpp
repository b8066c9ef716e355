// Where and Cast: elementwise operators on element types other than float32 alone.
#include "backends/cpu/kernels.h"
#include "backends/cpu/loop_nest.h"
#include "backends/cpu/support.h"

namespace tendon::cpu {
namespace {

template <class Word>
class WhereKernel final : public Kernel {
 public:
  explicit WhereKernel(const KernelRequest& request)
      : loops_(broadcast_loops<3>(
            request.outputs[0].shape,
            {request.input_shape(0), request.input_shape(1), request.input_shape(2)})) {}

  void run(const KernelArguments& arguments) const override {
    const auto* condition = static_cast<const bool*>(arguments.inputs[0]);
    const auto* x = static_cast<const Word*>(arguments.inputs[1]);
    const auto* y = static_cast<const Word*>(arguments.inputs[2]);
    auto* output = static_cast<Word*>(arguments.outputs[0]);
    const int64_t n = loops_.inner();
    const int64_t steps[] = {loops_.inner_stride(0), loops_.inner_stride(1),
                             loops_.inner_stride(2)};
    parallel_for(loops_.rows(), rows_per_task(n), [&](int64_t begin, int64_t end) {
      loops_.for_rows(begin, end, [&](int64_t row, const std::array<int64_t, 3>& offsets) {
        for (int64_t i = 0; i < n; ++i) {
          output[row * n + i] = condition[offsets[0] + i * steps[0]] ? x[offsets[1] + i * steps[1]]
                                                                     : y[offsets[2] + i * steps[2]];
        }
      });
    });
  }

 private:
  LoopNest<3> loops_;
};

template <class From, class To>
class CastKernel final : public Kernel {
 public:
  explicit CastKernel(int64_t count) : count_(count) {}
  void run(const KernelArguments& arguments) const override {
    const auto* x = static_cast<const From*>(arguments.inputs[0]);
    auto* y = static_cast<To*>(arguments.outputs[0]);
    parallel_for(count_, kElementsPerTask, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) y[i] = static_cast<To>(x[i]);
    });
  }

 private:
  int64_t count_;
};

template <class To>
Offer cast_to(DataType from, const KernelRequest& request) {
  const int64_t count = request.outputs[0].shape.element_count();
  switch (from) {
    case DataType::kInt8: return std::make_unique<CastKernel<int8_t, To>>(count);
    case DataType::kUInt8: return std::make_unique<CastKernel<uint8_t, To>>(count);
    case DataType::kInt32: return std::make_unique<CastKernel<int32_t, To>>(count);
    case DataType::kInt64: return std::make_unique<CastKernel<int64_t, To>>(count);
    case DataType::kBool: return std::make_unique<CastKernel<bool, To>>(count);
    case DataType::kFloat16: return std::make_unique<CastKernel<Float16, To>>(count);
    default: return decline("does not cast from {}", from);
  }
}

}  // namespace

Offer make_where(const Where&, const KernelRequest& request) {
  switch (size_of(request.outputs[0].dtype)) {
    case 1: return std::make_unique<WhereKernel<uint8_t>>(request);
    case 2: return std::make_unique<WhereKernel<uint16_t>>(request);
    case 4: return std::make_unique<WhereKernel<uint32_t>>(request);
    default: return std::make_unique<WhereKernel<uint64_t>>(request);
  }
}

Offer make_cast(const Cast& op, const KernelRequest& request) {
  const DataType from = request.inputs[0].type.dtype;
  switch (op.to) {
    case DataType::kFloat32: return cast_to<float>(from, request);
    case DataType::kInt32: return cast_to<int32_t>(from, request);
    case DataType::kInt64: return cast_to<int64_t>(from, request);
    case DataType::kFloat16:
      if (from != DataType::kFloat32) return decline("casts to float16 from float32 alone");
      return std::make_unique<CastKernel<float, Float16>>(request.outputs[0].shape.element_count());
    default: return decline("casts to float32, float16, int32 or int64, got {}", op.to);
  }
}

}  // namespace tendon::cpu
