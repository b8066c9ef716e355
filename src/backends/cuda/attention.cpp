// Attention by the kernels of attention.cu.
#include "backends/cuda/attention_parameters.h"
#include "backends/cuda/kernels.h"
#include "backends/cuda/support.h"

namespace tendon::cuda {
namespace {

constexpr int kQueries = 64;
constexpr unsigned kGroupThreads = 128;

class AttentionKernel final : public CudaKernel {
 public:
  AttentionKernel(const KernelRequest& request, const AttentionParameters& parameters,
                  int64_t batch, int64_t width, bool grouped)
      : CudaKernel(request), parameters_(parameters) {
    for (size_t i = 0; i < 3; ++i) inputs_[i] = Source(request, i);
    const DataType dtype = request.outputs[0].dtype;
    const std::string_view arithmetic = grouped                       ? "grouped"
                                        : dtype == DataType::kFloat16 ? "f16"
                                        : request.tf32                ? "tf32"
                                                                      : "f32";
    name_ = fmt::format("attention_{}_{}", arithmetic, width);
    const auto blocks = static_cast<unsigned>((parameters.queries + kQueries - 1) / kQueries);
    // One tile of queries; for each group of warps, tiles of keys and of values.
    const auto tile =
        static_cast<unsigned>(kQueries * width) * static_cast<unsigned>(size_of(dtype));
    const bool half = dtype == DataType::kFloat16;
    const unsigned groups = half ? kHalfGroups : kFloatGroups;
    const unsigned stages = half ? 2 : 1;
    launch_ = {device_.function("attention", name_),
               {blocks, static_cast<unsigned>(parameters.heads), static_cast<unsigned>(batch)},
               groups * kGroupThreads,
               tile * (1 + 2 * groups * stages)};
  }
  std::string detail() const override { return name_; }
  void run(const KernelArguments& arguments) const override {
    AttentionParameters p = parameters_;
    p.q = inputs_[0].in(arguments);
    p.k = inputs_[1].in(arguments);
    p.v = inputs_[2].in(arguments);
    p.y = arguments.outputs[0];
    launch(launch_, p, arguments);
  }

 private:
  AttentionParameters parameters_;
  std::array<Source, 3> inputs_;
  std::string name_;
  Launch launch_;
};

Offer make(const Attention& op, const KernelRequest& request, bool grouped) {
  if (auto declined = unless_floating(request)) return *declined;
  const Shape& q = request.input_shape(0);
  const Shape& k = request.input_shape(1);
  const int64_t width = op.width_of(q) / op.num_heads;
  if (width != 16 && width != 32 && width != 64) {
    return decline("needs heads of width 16, 32 or 64, got {}", width);
  }
  if (op.scale <= 0) return decline("needs a positive scale, got {}", op.scale);
  const int sequence = op.sequence_first ? 0 : 1;
  const int64_t batch = q[1 - sequence];
  if (request.outputs[0].shape.element_count() == 0 || k[sequence] == 0) {
    return decline("has nothing to compute");
  }
  const auto chunk = static_cast<int64_t>(16 / size_of(request.outputs[0].dtype));
  for (const int64_t columns :
       {q.back(), k.back(), request.input_shape(2).back(), op.q_column, op.k_column, op.v_column}) {
    if (columns % chunk != 0) return decline("needs columns in multiples of {}", chunk);
  }
  AttentionParameters p{};
  p.queries = static_cast<int>(q[sequence]);
  p.keys = static_cast<int>(k[sequence]);
  p.heads = static_cast<int>(op.num_heads);
  const auto rows_of = [&](const Shape& shape, int64_t first) {
    const int64_t columns = shape.back();
    return AttentionRows{static_cast<int>(op.sequence_first ? batch * columns : columns),
                         static_cast<int>(first), op.sequence_first ? columns : columns * shape[1]};
  };
  p.q_rows = rows_of(q, op.q_column);
  p.k_rows = rows_of(k, op.k_column);
  p.v_rows = rows_of(request.input_shape(2), op.v_column);
  p.y_rows = rows_of(request.outputs[0].shape, 0);
  p.scale = op.scale;
  return std::make_unique<AttentionKernel>(request, p, batch, width, grouped);
}

}  // namespace

Offer make_attention(const Attention& op, const KernelRequest& request) {
  return make(op, request, false);
}

Offer make_wgmma_attention(const Attention& op, const KernelRequest& request) {
  const int architecture = device_of(request).architecture();
  if (architecture != 90) {
    return decline("needs compute capability 9.0, got {}.{}", architecture / 10, architecture % 10);
  }
  const int64_t width = op.width_of(request.input_shape(0)) / op.num_heads;
  if (request.outputs[0].dtype != DataType::kFloat16 || width != 64) {
    return decline("needs float16 and heads of width 64, got {} and {}", request.outputs[0].dtype,
                   width);
  }
  return make(op, request, true);
}

}  // namespace tendon::cuda
