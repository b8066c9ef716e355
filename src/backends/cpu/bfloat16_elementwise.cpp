// Elementwise functions of bfloat16 tensors, chunk by chunk in float32, and casts to and from it.
#include <array>

#include "backends/cpu/bfloat16.h"
#include "backends/cpu/binary.h"
#include "backends/cpu/kernels.h"
#include "backends/cpu/loop_nest.h"
#include "backends/cpu/support.h"
#include "backends/cpu/unary.h"

namespace tendon::cpu {
namespace {

using Chunk = std::array<float, kBfloat16Chunk>;

class Bfloat16Unary final : public Kernel {
 public:
  Bfloat16Unary(UnaryFunction function, const Unary& op, int64_t count)
      : function_(function), alpha_(op.alpha), beta_(op.beta), count_(count) {}

  void run(const KernelArguments& arguments) const override {
    const BFloat16* x = halves(arguments, 0);
    BFloat16* y = output_halves(arguments);
    parallel_for(count_, kElementsPerTask, [&](int64_t begin, int64_t end) {
      Chunk chunk;
      for (int64_t i = begin; i < end; i += kBfloat16Chunk) {
        const int64_t n = std::min(kBfloat16Chunk, end - i);
        widen(x + i, chunk.data(), n);
        function_(chunk.data(), chunk.data(), n, alpha_, beta_);
        narrow(chunk.data(), y + i, n);
      }
    });
  }
  int in_place_input() const override { return 0; }

 private:
  UnaryFunction function_;
  float alpha_;
  float beta_;
  int64_t count_;
};

class Bfloat16Binary final : public Kernel {
 public:
  Bfloat16Binary(BinaryFunction function, const KernelRequest& request)
      : function_(function),
        loops_(broadcast_loops<2>(request.outputs[0].shape,
                                  {request.input_shape(0), request.input_shape(1)})),
        in_place_(request.input_shape(0) == request.outputs[0].shape) {}

  void run(const KernelArguments& arguments) const override {
    const BFloat16* a = halves(arguments, 0);
    const BFloat16* b = halves(arguments, 1);
    BFloat16* y = output_halves(arguments);
    const int64_t n = loops_.inner();
    if (loops_.rows() == 1) {
      parallel_for(n, kElementsPerTask, [&](int64_t begin, int64_t end) {
        row(a + begin * loops_.inner_stride(0), b + begin * loops_.inner_stride(1), y + begin,
            end - begin);
      });
      return;
    }
    parallel_for(loops_.rows(), rows_per_task(n), [&](int64_t begin, int64_t end) {
      loops_.for_rows(begin, end, [&](int64_t index, const std::array<int64_t, 2>& offsets) {
        row(a + offsets[0], b + offsets[1], y + index * n, n);
      });
    });
  }
  int in_place_input() const override { return in_place_ ? 0 : -1; }

 private:
  void row(const BFloat16* a, const BFloat16* b, BFloat16* y, int64_t count) const {
    const int64_t step_a = loops_.inner_stride(0);
    const int64_t step_b = loops_.inner_stride(1);
    Chunk left, right;
    for (int64_t i = 0; i < count; i += kBfloat16Chunk) {
      const int64_t n = std::min(kBfloat16Chunk, count - i);
      widen(a + i * step_a, left.data(), step_a == 0 ? 1 : n);
      widen(b + i * step_b, right.data(), step_b == 0 ? 1 : n);
      float* result = step_a == 0 ? right.data() : left.data();
      if (step_a == 0 && step_b == 0) {
        function_(left.data(), 0, right.data(), 0, result, 1);
        std::fill_n(y + i, n, BFloat16(*result));
        continue;
      }
      function_(left.data(), step_a, right.data(), step_b, result, n);
      narrow(result, y + i, n);
    }
  }

  BinaryFunction function_;
  LoopNest<2> loops_;
  bool in_place_;
};

/// Between float32 and bfloat16.
class Bfloat16Cast final : public Kernel {
 public:
  Bfloat16Cast(int64_t count, bool widens) : count_(count), widens_(widens) {}

  void run(const KernelArguments& arguments) const override {
    parallel_for(count_, kElementsPerTask, [&](int64_t begin, int64_t end) {
      if (widens_) {
        widen(halves(arguments, 0) + begin, output_floats(arguments) + begin, end - begin);
      } else {
        narrow(floats(arguments, 0) + begin, output_halves(arguments) + begin, end - begin);
      }
    });
  }

 private:
  int64_t count_;
  bool widens_;
};

}  // namespace

Offer make_bfloat16_unary(const Unary& op, const KernelRequest& request) {
  if (auto declined = unless_bfloat16(request)) return *declined;
  const UnaryFunction function = vector_function(op.kind);
  if (function == nullptr) return decline("no vector code for {}", op.onnx_type());
  return std::make_unique<Bfloat16Unary>(function, op, request.outputs[0].shape.element_count());
}

Offer make_bfloat16_binary(const Binary& op, const KernelRequest& request) {
  if (auto declined = unless_bfloat16(request)) return *declined;
  const BinaryFunction function = vector_function(op.kind);
  if (function == nullptr) return decline("no vector code for {}", op.onnx_type());
  return std::make_unique<Bfloat16Binary>(function, request);
}

Offer make_bfloat16_cast(const Cast& op, const KernelRequest& request) {
  const DataType from = request.inputs[0].type.dtype;
  const bool widens = from == DataType::kBFloat16 && op.to == DataType::kFloat32;
  if (!widens && (from != DataType::kFloat32 || op.to != DataType::kBFloat16)) {
    return decline("casts between float32 and bfloat16, not from {} to {}", from, op.to);
  }
  return std::make_unique<Bfloat16Cast>(request.outputs[0].shape.element_count(), widens);
}

}  // namespace tendon::cpu
