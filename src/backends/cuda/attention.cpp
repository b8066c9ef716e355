// Attention by the kernels of attention.cu and attention_grouped.cu.
#include <bit>

#include "backends/cuda/attention_parameters.h"
#include "backends/cuda/kernels.h"
#include "backends/cuda/support.h"
#include "backends/cuda/tensor_maps.h"

namespace tendon::cuda {
namespace {

constexpr int kQueries = 64;
constexpr unsigned kGroupThreads = 128;

class AttentionKernel : public CudaKernel {
 public:
  AttentionKernel(const KernelRequest& request, const AttentionParameters& parameters,
                  int64_t batch, int64_t width)
      : AttentionKernel(request, parameters, batch, "attention",
                        fmt::format("attention_{}_{}", arithmetic(request), width)) {
    // One tile of queries; for each group of warps, tiles of keys and of values.
    const DataType dtype = request.outputs[0].dtype;
    const auto tile =
        static_cast<unsigned>(kQueries * width) * static_cast<unsigned>(size_of(dtype));
    const bool half = is_half(dtype);
    const unsigned groups = half ? kHalfGroups : kFloatGroups;
    const unsigned stages = half ? 2 : 1;
    launch_.threads = groups * kGroupThreads;
    launch_.shared_bytes = tile * (1 + 2 * groups * stages);
  }
  std::string detail() const override { return name_; }
  void run(const KernelArguments& arguments) const override {
    AttentionParameters p = parameters(arguments);
    launch(launch_, p, arguments);
  }

 protected:
  AttentionKernel(const KernelRequest& request, const AttentionParameters& parameters,
                  int64_t batch, std::string_view image, std::string name)
      : CudaKernel(request), parameters_(parameters), name_(std::move(name)) {
    for (size_t i = 0; i < 3; ++i) inputs_[i] = Source(request, i);
    const auto blocks = static_cast<unsigned>((parameters.queries + kQueries - 1) / kQueries);
    launch_.function = device_.function(image_of(image, request), name_);
    launch_.grid = {blocks, static_cast<unsigned>(parameters.heads), static_cast<unsigned>(batch)};
  }
  AttentionParameters parameters(const KernelArguments& arguments) const {
    AttentionParameters p = parameters_;
    p.q = inputs_[0].in(arguments);
    p.k = inputs_[1].in(arguments);
    p.v = inputs_[2].in(arguments);
    p.y = arguments.outputs[0];
    return p;
  }
  Launch launch_;

 private:
  static std::string_view arithmetic(const KernelRequest& request) {
    const DataType dtype = request.outputs[0].dtype;
    return request.tf32 && !is_half(dtype) ? "tf32" : suffix_of(dtype);
  }
  AttentionParameters parameters_;
  std::array<Source, 3> inputs_;
  std::string name_;
};

class GroupedAttentionKernel final : public AttentionKernel {
 public:
  GroupedAttentionKernel(const KernelRequest& request, const AttentionParameters& parameters,
                         int64_t batch, bool sequence_first)
      : AttentionKernel(
            request, parameters, batch, "attention_grouped",
            fmt::format("attention_grouped_{}_64", suffix_of(request.outputs[0].dtype))),
        maps_(device_, request.outputs[0].dtype, kRowBytes),
        sequence_first_(sequence_first) {
    for (size_t i = 0; i < 3; ++i) {
      const Shape& shape = request.input_shape(i);
      sizes_[i] = {shape.back(), shape[1], shape[0]};
    }
    launch_.threads = kHalfGroups * kGroupThreads;
    launch_.shared_bytes = kQueries * kRowBytes * (1 + 2 * kHalfGroups * kGroupedStages);
    splits_ = splits_of((parameters.keys + kQueries - 1) / kQueries);
    if (splits_ > 1) {
      launch_.grid.z *= splits_;
      launch_.cluster = splits_;
      launch_.shared_bytes += kGroupedSums + kGroupedTerms;
    }
  }
  std::string detail() const override {
    const std::string name = AttentionKernel::detail();
    return splits_ == 1 ? name : fmt::format("{}, keys in {} parts", name, splits_);
  }
  void run(const KernelArguments& arguments) const override {
    GroupedAttentionParameters p{};
    p.of = parameters(arguments);
    p.sequence_first = sequence_first_;
    p.splits_log2 = std::countr_zero(splits_);
    std::array<int64_t, 3> box = {kRowBytes / 2, kQueries, 1};
    if (sequence_first_) std::swap(box[1], box[2]);
    maps_.boxes(p.q, p.of.q, sizes_[0], box);
    maps_.boxes(p.k, p.of.k, sizes_[1], box);
    maps_.boxes(p.v, p.of.v, sizes_[2], box);
    launch(launch_, p, arguments);
  }

 private:
  /// Blocks that share the keys of the same queries: where all fit on the device at once, and
  /// groups of warps would each have several tiles of keys.
  unsigned splits_of(int key_tiles) const {
    const auto fit = [&](unsigned splits) {
      return static_cast<unsigned>(
          device_.clusters_at_once(static_cast<int>(splits), launch_.function, launch_.threads));
    };
    const unsigned blocks = launch_.grid.x * launch_.grid.y * launch_.grid.z;
    unsigned splits = 1;
    while (splits < kGroupedMostSplits && key_tiles > static_cast<int>(kHalfGroups * splits) &&
           blocks <= fit(splits * 2)) {
      splits *= 2;
    }
    return splits;
  }

  static constexpr unsigned kRowBytes = 128;
  Maps maps_;
  bool sequence_first_;
  unsigned splits_ = 1;
  std::array<std::array<int64_t, 3>, 3> sizes_{};
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
  if (grouped) {
    return std::make_unique<GroupedAttentionKernel>(request, p, batch, op.sequence_first);
  }
  return std::make_unique<AttentionKernel>(request, p, batch, width);
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
  if (!is_half(request.outputs[0].dtype) || width != 64) {
    return decline("needs float16 or bfloat16 and heads of width 64, got {} and {}",
                   request.outputs[0].dtype, width);
  }
  return make(op, request, true);
}

}  // namespace tendon::cuda
