// Convolutions and products on Hopper's tensor cores, by the kernels of wgmma.cu and wgmma_int8.cu.
#include <algorithm>
#include <array>

#include "backends/cuda/gemm.h"
#include "backends/cuda/kernels.h"
#include "backends/cuda/tensor_maps.h"
#include "backends/cuda/wgmma_tiles.h"

namespace tendon::cuda {
namespace {

int as_int(int64_t value) { return static_cast<int>(value); }

Multiprocessors multiprocessors_of(CudaDevice& device) {
  // Of the most threads.
  constexpr unsigned kThreads = 544;
  const CUfunction kernel = device.function("wgmma", "wgmma_f16_128x64_2k");
  Multiprocessors gpu{device.multiprocessors(), {}};
  for (int blocks = 2; blocks <= kMaxCluster; ++blocks) {
    gpu.clusters[static_cast<size_t>(blocks)] = device.clusters_at_once(blocks, kernel, kThreads);
  }
  return gpu;
}

class WgmmaKernel final : public CudaKernel {
 public:
  WgmmaKernel(const KernelRequest& request, GemmProblem problem, WgmmaSource source)
      : CudaKernel(request),
        a_(problem.a),
        scale_(problem.scale),
        bias_(problem.bias),
        residual_(problem.residual),
        norm_scale_(problem.norm_scale),
        norm_shift_(problem.norm_shift),
        maps_(device_, problem.dtype, problem.line_bytes) {
    GemmParameters& p = parameters_.gemm;
    p = problem.parameters;
    const bool patches = source == WgmmaSource::kPatches;
    const bool normalizes = norm_scale_.present();
    const Multiprocessors gpu = multiprocessors_of(device_);
    tile_ = normalizes ? choose_norm_tile(problem, gpu) : choose_wgmma_tile(problem, source, gpu);
    parameters_.epsilon = problem.epsilon;
    parameters_.per_column = 1 / static_cast<float>(p.n);
    if (normalizes && request.outputs.size() > 1) {
      has_codes_ = true;
      parameters_.codes_per_unit = 1 / problem.codes_scale;
      parameters_.codes_signed = request.outputs[1].dtype == DataType::kInt8;
    }
    p.splits = tile_.splits;
    parameters_.source = source;
    parameters_.stages = tile_.stages;
    parameters_.joined_at = as_int(tile_.joined_at);
    int64_t tiles_m = divide_up(p.m, tile_.rows);
    if (patches) {
      const PatchTiles tiles = patch_tiles(p.width, p.height, tile_.rows / 64);
      parameters_.tiles_x = as_int(tiles.x);
      parameters_.tiles_y = as_int(tiles.y);
      parameters_.groups_x = as_int(tiles.groups_x);
      parameters_.patch_bytes = as_int(tiles.bytes(problem.line_bytes));
      tiles_m = tiles.count() * (p.m / (p.width * p.height));
    }
    const int64_t tiles_n = divide_up(p.n, tile_.columns);
    parameters_.per_part = 1 / static_cast<float>(tiles_n * tile_.sharing);
    const std::string_view narrow = problem.line_bytes < kLineBytes ? "_narrow" : "";
    const std::string_view family = patches        ? "_patch"
                                    : !normalizes  ? ""
                                    : tiles_n <= 4 ? "_norm4"
                                                   : "_norm8";
    name_ = fmt::format("wgmma{}{}_{}_{}x{}{}", narrow, family, arithmetic_of(problem), tile_.rows,
                        tile_.columns, tile_.sharing > 1 ? fmt::format("_{}k", tile_.sharing) : "");
    const std::string image = image_of(problem.of_codes() ? "wgmma_int8" : "wgmma", request);
    launch_ = {device_.function(image, name_),
               {static_cast<unsigned>(tiles_m), static_cast<unsigned>(tiles_n),
                static_cast<unsigned>(tile_.splits)},
               static_cast<unsigned>(tile_.threads()),
               tile_.shared_bytes,
               static_cast<unsigned>(tile_.splits),
               normalizes ? static_cast<unsigned>(tiles_n) : 1};
    weight_rows_ = tiles_n * tile_.columns;
    weight_columns_ = p.k_tiles * maps_.block() * (patches ? kPatchTaps : 1);
    std::vector<std::byte> packed =
        pack_weight(problem, weight_rows_, weight_columns_,
                    [](int64_t row) -> int64_t { return column_of_sums(as_int(row)); });
    if (problem.dtype == DataType::kFloat32 && problem.tf32) round_to_tf32(packed);
    weight_bytes_ = packed.size();
    weight_ = device_.upload(packed.data(), packed.size());
  }

  size_t packed_bytes() const override {
    return weight_bytes_ + scale_.bytes() + bias_.bytes() + residual_.bytes() +
           norm_scale_.bytes() + norm_shift_.bytes();
  }
  std::string detail() const override {
    return tile_.splits == 1 ? name_ : fmt::format("{}, k in {} parts", name_, tile_.splits);
  }
  void run(const KernelArguments& arguments) const override {
    WgmmaParameters q = parameters_;
    q.inputs_pending = arguments.inputs_pending;
    q.terms_constant =
        scale_.lasts() && bias_.lasts() && norm_scale_.lasts() && norm_shift_.lasts();
    q.norm_scale = norm_scale_.in(arguments);
    q.norm_shift = norm_shift_.in(arguments);
    GemmParameters& p = q.gemm;
    p.a = a_.in(arguments);
    p.y = arguments.outputs[0];
    p.bias = bias_.in(arguments);
    p.residual = residual_.in(arguments);
    p.scale = static_cast<const float*>(scale_.in(arguments));
    q.codes = has_codes_ ? arguments.outputs[1] : nullptr;
    const int64_t block = maps_.block();
    maps_.boxes<2>(q.b, weight_.get(), {weight_columns_, weight_rows_}, {block, tile_.columns});
    switch (q.source) {
      case WgmmaSource::kMatrix:
        maps_.boxes<2>(q.a, p.a, {p.image_step, p.m}, {block, tile_.rows});
        break;
      case WgmmaSource::kWindows: maps_.windows(q.a, p, tile_.rows); break;
      case WgmmaSource::kPatches: {
        const int64_t groups_y = tile_.rows / 64 / q.groups_x;
        maps_.boxes<4>(q.a, p.a, {p.pixel_step, p.width, p.height, p.m / (p.width * p.height)},
                       {block, kPatchSide * q.groups_x + 2, kPatchSide * groups_y + 2, 1});
        break;
      }
    }
    launch(launch_, q, arguments);
  }

 private:
  WgmmaParameters parameters_{};
  WgmmaTile tile_;
  Source a_, scale_, bias_, residual_, norm_scale_, norm_shift_;
  bool has_codes_ = false;
  Maps maps_;
  int64_t weight_rows_ = 0;
  int64_t weight_columns_ = 0;
  std::shared_ptr<std::byte> weight_;
  size_t weight_bytes_ = 0;
  std::string name_;
  Launch launch_;
};

std::optional<Declined> unless_hopper(const KernelRequest& request) {
  if (device_of(request).architecture() != 90) {
    return decline("needs compute capability 9.0, got {}.{}",
                   device_of(request).architecture() / 10, device_of(request).architecture() % 10);
  }
  return std::nullopt;
}

template <class Conv>
Offer make_patch(const Conv& op, const KernelRequest& request) {
  if (auto declined = unless_hopper(request)) return *declined;
  auto problem = window_problem(op, request);
  if (auto* declined = std::get_if<Declined>(&problem)) return std::move(*declined);
  return std::make_unique<WgmmaKernel>(request, std::get<GemmProblem>(std::move(problem)),
                                       WgmmaSource::kPatches);
}

template <class Conv>
Offer make_windows(const Conv& op, const KernelRequest& request) {
  if (auto declined = unless_hopper(request)) return *declined;
  auto offered = conv_problem(op, request);
  if (auto* declined = std::get_if<Declined>(&offered)) return std::move(*declined);
  auto problem = std::get<GemmProblem>(std::move(offered));
  GemmParameters& p = problem.parameters;
  const auto size = static_cast<int64_t>(size_of(problem.dtype));
  problem.line_bytes = line_bytes(p.pixel_step * size, size);
  const int64_t block = problem.line_bytes / size;
  if (p.pixel_step % block != 0) {
    return decline("needs a multiple of {} channels, got {}", block, p.pixel_step);
  }
  // The copy engine counts borders in bytes and strides in three bits.
  const int64_t taps = p.chunks / p.tap_chunks;
  constexpr int kMostExtent = 100;
  constexpr int kMostStride = 8;
  const int64_t extent =
      std::max(p.kernel_w * p.dilation_w, as_int(taps) / p.kernel_w * p.dilation_h);
  if (extent > kMostExtent || std::max(p.pad_h, p.pad_w) > kMostExtent ||
      std::max(p.stride_h, p.stride_w) > kMostStride) {
    return decline("needs windows of at most {} pixels and strides of at most {}", kMostExtent,
                   kMostStride);
  }
  p.tap_chunks = as_int(p.pixel_step / block);
  p.k_tiles = as_int(taps * p.tap_chunks);
  return std::make_unique<WgmmaKernel>(request, std::move(problem), WgmmaSource::kWindows);
}

/// `scale` is the input that follows the product's.
template <class Product>
Offer make_norm(const Product& product, const KernelRequest& request, size_t scale, float epsilon,
                float codes_scale) {
  if (auto declined = unless_hopper(request)) return *declined;
  KernelRequest product_request = request;
  product_request.inputs = request.inputs.first(scale);
  auto offered = matmul_problem(product, product_request);
  if (auto* declined = std::get_if<Declined>(&offered)) return std::move(*declined);
  auto problem = std::get<GemmProblem>(std::move(offered));
  GemmParameters& p = problem.parameters;
  if (p.n % kNormColumns != 0 || p.n > kMostNormParts * kNormColumns) {
    return decline("needs a multiple of {} columns, at most {}, got {}", kNormColumns,
                   kMostNormParts * kNormColumns, p.n);
  }
  const int64_t parts = p.n / kNormColumns;
  if (parts > 1 &&
      multiprocessors_of(device_of(request)).clusters[static_cast<size_t>(parts)] == 0) {
    return decline("needs clusters of {} blocks, of which this GPU runs none", parts);
  }
  const bool is_row = p.bias_row_step == 0 && p.bias_column_step == 1;
  if (problem.bias.present() && !is_row) return decline("needs a bias for columns");
  p.k_tiles = as_int(divide_up(p.chunks, kLineBytes / 16));
  problem.norm_scale = Source(request, scale);
  problem.norm_shift = Source(request, scale + 1);
  problem.epsilon = epsilon;
  problem.codes_scale = codes_scale;
  return std::make_unique<WgmmaKernel>(request, std::move(problem), WgmmaSource::kMatrix);
}

template <class Product>
Offer make_matrix(const Product& op, const KernelRequest& request) {
  if (auto declined = unless_hopper(request)) return *declined;
  auto offered = matmul_problem(op, request);
  if (auto* declined = std::get_if<Declined>(&offered)) return std::move(*declined);
  auto problem = std::get<GemmProblem>(std::move(offered));
  problem.parameters.k_tiles = as_int(divide_up(problem.parameters.chunks, kLineBytes / 16));
  return std::make_unique<WgmmaKernel>(request, std::move(problem), WgmmaSource::kMatrix);
}

}  // namespace

Offer make_wgmma_patch(const FusedConv& op, const KernelRequest& request) {
  return make_patch(op, request);
}
Offer make_wgmma_int8_patch(const QuantizedConv& op, const KernelRequest& request) {
  return make_patch(op, request);
}

Offer make_wgmma_conv(const FusedConv& op, const KernelRequest& request) {
  return make_windows(op, request);
}
Offer make_wgmma_int8_conv(const QuantizedConv& op, const KernelRequest& request) {
  return make_windows(op, request);
}

Offer make_wgmma_norm(const NormalizedMatMul& op, const KernelRequest& request) {
  return make_norm(op.product(), request, NormalizedMatMul::kScale, op.epsilon, op.codes_scale);
}
Offer make_wgmma_int8_norm(const QuantizedNormalizedMatMul& op, const KernelRequest& request) {
  if (!is_half(request.outputs[0].dtype)) {
    return decline("writes float16 or bfloat16, not {}", request.outputs[0].dtype);
  }
  if (request.has_input(3) && request.inputs[3].type.dtype != DataType::kFloat32) {
    return decline("needs a float32 bias, got {}", request.inputs[3].type);
  }
  return make_norm(op.product(request.outputs[0].dtype), request,
                   QuantizedNormalizedMatMul::kNormScale, op.epsilon, op.codes_scale);
}

Offer make_wgmma_matmul(const FusedMatMul& op, const KernelRequest& request) {
  return make_matrix(op, request);
}
Offer make_wgmma_int8_matmul(const QuantizedMatMul& op, const KernelRequest& request) {
  return make_matrix(op, request);
}

}  // namespace tendon::cuda
