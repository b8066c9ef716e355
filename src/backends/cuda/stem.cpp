// First convolutions with 7x7 windows and stride 2 over images of few channels, with the max-pool
// after them where there is one.
#include <array>
#include <cstring>

#include "backends/cuda/gemm.h"
#include "backends/cuda/kernels.h"
#include "backends/cuda/prepared_images.h"
#include "backends/cuda/stem_parameters.h"
#include "backends/cuda/two_steps.h"
#include "base/data_type.h"

namespace tendon::cuda {
namespace {

constexpr int64_t kStemTaps = 7;
constexpr int64_t kPackedColumns = 8;
constexpr int64_t kPackedChannels = 4;

std::vector<std::byte> packed_weight(const Tensor& weight, int64_t outputs, int64_t channels,
                                     bool tf32) {
  const size_t size = size_of(weight.dtype());
  const auto* const from = static_cast<const std::byte*>(weight.raw());
  const int64_t rows = divide_up(outputs, kStemOutputs) * kStemOutputs;
  std::vector<std::byte> packed(
      static_cast<size_t>(rows * kStemTaps * kPackedColumns * kPackedChannels) * size);
  for (int64_t n = 0; n < outputs; ++n) {
    for (int64_t y = 0; y < kStemTaps; ++y) {
      for (int64_t x = 0; x < kStemTaps; ++x) {
        for (int64_t c = 0; c < channels; ++c) {
          const int64_t to = ((n * kStemTaps + y) * kPackedColumns + x) * kPackedChannels + c;
          const int64_t place = ((n * channels + c) * kStemTaps + y) * kStemTaps + x;
          std::memcpy(packed.data() + static_cast<size_t>(to) * size,
                      from + static_cast<size_t>(place) * size, size);
        }
      }
    }
  }
  if (weight.dtype() == DataType::kFloat32 && tf32) round_to_tf32(packed);
  return packed;
}

/// What a stem reads, and where its images' offset comes from.
struct Images {
  ImageSteps steps{};
  DataType source = DataType::kFloat16;
  Source offset;
};

class StemKernel final : public CudaKernel {
 public:
  /// `request` is the convolution's; `launch` lacks the function.
  StemKernel(const KernelRequest& request, const StemParameters& parameters, Images images,
             std::string name, std::string_view file, Launch launch)
      : CudaKernel(request),
        parameters_(parameters),
        x_(request, 0),
        bias_(request, 2),
        offset_(std::move(images.offset)),
        name_(std::move(name)),
        launch_(launch) {
    parameters_.steps = images.steps;
    const std::vector<std::byte> packed = packed_weight(
        *request.inputs[1].value, parameters.outputs, parameters.channels, request.tf32);
    weight_bytes_ = packed.size();
    weight_ = device_.upload(packed.data(), weight_bytes_);
    launch_.function =
        device_.function(image_of(file, {request.inputs[1].type.dtype, images.source}), name_);
  }
  size_t packed_bytes() const override { return weight_bytes_ + bias_.bytes() + offset_.bytes(); }
  std::string detail() const override { return name_; }
  void run(const KernelArguments& arguments) const override {
    StemParameters p = parameters_;
    p.x = x_.in(arguments);
    p.weight = weight_.get();
    p.bias = bias_.in(arguments);
    p.offset = static_cast<const float*>(offset_.in(arguments));
    p.y = arguments.outputs[0];
    p.inputs_pending = arguments.inputs_pending;
    launch(launch_, p, arguments);
  }

 private:
  StemParameters parameters_;
  Source x_, bias_, offset_;
  std::string name_;
  std::shared_ptr<std::byte> weight_;
  size_t weight_bytes_ = 0;
  Launch launch_;
};

/// The sizes of a convolution that these kernels take.
std::variant<StemParameters, Declined> stem_of(const FusedConv& op, const KernelRequest& request) {
  if (auto declined = unless_floating(request)) return *declined;
  const Shape& x = request.input_shape(0);
  if (!op.channels_last || op.group != 1 || x.rank() != 4) {
    return decline("needs channels-last images with two spatial axes and one group, got {}", x);
  }
  if (request.inputs[1].value == nullptr) return decline("needs a constant weight");
  if (request.has_input(3)) return decline("adds no residual");
  if (x[3] > kPackedChannels) {
    return decline("needs at most {} channels, got {}", kPackedChannels, x[3]);
  }
  const auto axes = op.axes(x, request.input_shape(1));
  for (const WindowAxis& axis : axes) {
    if (axis.kernel != kStemTaps || axis.stride != 2 || axis.dilation != 1) {
      return decline("needs 7x7 windows with stride 2");
    }
  }
  const Shape& y = request.outputs[0].shape;
  if (y.element_count() == 0 || y[3] % 8 != 0) {
    return decline("needs a multiple of 8 output channels, got {}", y[3]);
  }
  const auto as_int = [](int64_t value) { return static_cast<int>(value); };
  StemParameters p{};
  p.batch = as_int(x[0]);
  p.height = as_int(x[1]);
  p.width = as_int(x[2]);
  p.channels = as_int(x[3]);
  p.out_height = as_int(y[1]);
  p.out_width = as_int(y[2]);
  p.outputs = as_int(y[3]);
  p.pad_h = as_int(axes[0].pad_begin);
  p.pad_w = as_int(axes[1].pad_begin);
  p.activation = static_cast<int>(op.activation);
  return p;
}

Offer make(const FusedConv& op, const KernelRequest& request, Images images) {
  const DataType dtype = request.outputs[0].dtype;
  if (!is_half(dtype)) return decline("needs float16 or bfloat16");
  if (auto declined = unless_halves_differ(images.source, dtype)) return *declined;
  auto stem = stem_of(op, request);
  if (auto* declined = std::get_if<Declined>(&stem)) return std::move(*declined);
  const auto& p = std::get<StemParameters>(stem);
  const Launch launch{nullptr,
                      {static_cast<unsigned>(divide_up(p.out_width, kStemColumns)),
                       static_cast<unsigned>(divide_up(p.out_height, kStemRows)),
                       static_cast<unsigned>(p.batch * divide_up(p.outputs, kStemOutputs))},
                      kStemThreads,
                      kStemSharedBytes};
  std::string name = fmt::format("stem_{}_{}", suffix_of(dtype), source_suffix(images.source));
  return std::make_unique<StemKernel>(request, p, std::move(images), std::move(name), "stem",
                                      launch);
}

}  // namespace

Offer make_patch_stem(const FusedConv& op, const KernelRequest& request) {
  const Shape& x = request.input_shape(0);
  Images images;
  if (x.rank() == 4) images.steps = image_steps(x[3], x[1], x[2], true);
  return make(op, request, std::move(images));
}

Offer make_image_patch_stem(const ImageConv& op, const KernelRequest& request) {
  if (op.pooled) return decline("computes no maxima");
  if (!is_floating(op.y_dtype)) return decline("makes no codes");
  const PreparedImages images(op, request);
  return make(op.conv(), images.request(), {images.steps(), images.source(), Source(request, 3)});
}

namespace {

/// Of a convolution with the pool after it.
std::variant<StemParameters, Declined> stem_pool_of(const ImageConv& op,
                                                    const KernelRequest& request,
                                                    const PreparedImages& images) {
  const DataType weights = request.inputs[1].type.dtype;
  if (auto declined = unless_halves_differ(images.source(), weights)) return *declined;
  auto stem = stem_of(op.conv(), images.request());
  auto* const p = std::get_if<StemParameters>(&stem);
  if (p == nullptr) return stem;
  const Shape& y = request.outputs[0].shape;
  p->pool_height = static_cast<int>(y[1]);
  p->pool_width = static_cast<int>(y[2]);
  p->codes = is_codes(request.outputs[0].dtype);
  p->codes_signed = request.outputs[0].dtype == DataType::kInt8;
  p->codes_per_unit = 1 / op.y_scale;
  return stem;
}

/// Rows of maxima of a group of warps so that the last block ends first, as estimated in clocks of
/// an H100: a row of the convolution, the patch, and two blocks at once.
int group_rows_of(const StemParameters& p, int64_t others, int multiprocessors) {
  constexpr int kMostRows = 6;
  constexpr int64_t kRow = 1900;
  constexpr int64_t kStart = 4000;
  int best = 1;
  int64_t least = 0;
  for (int rows = 1; rows <= kMostRows; ++rows) {
    const int64_t blocks = others * divide_up(p.pool_height, 2 * rows);
    const int64_t clocks =
        divide_up(blocks, 2 * multiprocessors) * ((2 * rows + 1) * kRow + kStart);
    if (rows > 1 && clocks >= least) continue;
    least = clocks;
    best = rows;
  }
  return best;
}

}  // namespace

Offer make_stem_group(const ImageConv& op, const KernelRequest& request) {
  if (!op.pooled) return decline("computes maxima");
  if (device_of(request).architecture() != 90) return decline("needs compute capability 9.0");
  const DataType dtype = request.inputs[1].type.dtype;
  if (!is_half(dtype)) return decline("needs float16 or bfloat16");
  const PreparedImages images(op, request);
  auto stem = stem_pool_of(op, request, images);
  if (auto* declined = std::get_if<Declined>(&stem)) return std::move(*declined);
  auto& p = std::get<StemParameters>(stem);
  if (op.conv().activation == Activation::kGelu) return decline("computes no Gelu");
  const int64_t tiles_x = divide_up(p.pool_width, kGroupPoolColumns);
  const int64_t images_and_outputs = p.batch * divide_up(p.outputs, kStemOutputs);
  p.group_rows =
      group_rows_of(p, tiles_x * images_and_outputs, device_of(request).multiprocessors());
  const Launch launch{nullptr,
                      {static_cast<unsigned>(tiles_x),
                       static_cast<unsigned>(divide_up(p.pool_height, 2 * p.group_rows)),
                       static_cast<unsigned>(images_and_outputs)},
                      kGroupPoolThreads,
                      static_cast<unsigned>(group_pool_bytes(p.group_rows))};
  std::string name =
      fmt::format("stem_group_{}_{}", suffix_of(dtype), source_suffix(images.source()));
  return std::make_unique<StemKernel>(images.request(), p,
                                      Images{images.steps(), images.source(), Source(request, 3)},
                                      std::move(name), "stem_group", launch);
}

Offer make_stem_pool(const ImageConv& op, const KernelRequest& request) {
  if (!op.pooled) return decline("computes maxima");
  const DataType dtype = request.inputs[1].type.dtype;
  const PreparedImages images(op, request);
  auto stem = stem_pool_of(op, request, images);
  if (auto* declined = std::get_if<Declined>(&stem)) return std::move(*declined);
  const auto& p = std::get<StemParameters>(stem);
  const int shared = pool_shared_bytes(static_cast<int>(size_of(dtype)));
  const int most = device_of(request).shared_bytes() - 1024;
  if (shared > most) {
    return decline("needs {} bytes of shared memory, the GPU has {}", shared, most);
  }
  const Launch launch{nullptr,
                      {static_cast<unsigned>(divide_up(p.pool_width, kPoolColumns)),
                       static_cast<unsigned>(divide_up(p.pool_height, kPoolRows)),
                       static_cast<unsigned>(p.batch * divide_up(p.outputs, kStemOutputs))},
                      kPoolThreads,
                      static_cast<unsigned>(shared)};
  const std::string_view arithmetic = request.tf32 && !is_half(dtype) ? "tf32" : suffix_of(dtype);
  std::string name = fmt::format("stem_pool_{}_{}", arithmetic, source_suffix(images.source()));
  return std::make_unique<StemKernel>(images.request(), p,
                                      Images{images.steps(), images.source(), Source(request, 3)},
                                      std::move(name), "stem_pool", launch);
}

Offer make_stem_then_pool(const ImageConv& op, const KernelRequest& request) {
  if (!op.pooled) return decline("computes maxima");
  ImageConv conv = op;
  conv.pooled = false;
  conv.y_dtype = DataType::kFloat32;
  const std::vector<TensorType> between = conv.infer(request.inputs);
  KernelRequest convolution = request;
  convolution.outputs = between;
  Offer first = make_image_patch_stem(conv, convolution);
  if (std::holds_alternative<Declined>(first)) first = make_image_stem(conv, convolution);
  if (auto* declined = std::get_if<Declined>(&first)) return std::move(*declined);
  const Argument image{between[0], nullptr, true};
  KernelRequest pool = request;
  pool.inputs = {&image, 1};
  Offer second = make_max_pool_codes(ImageConv::pool(), pool, op.y_scale);
  if (auto* declined = std::get_if<Declined>(&second)) return std::move(*declined);
  return std::make_unique<TwoSteps>(request, between[0], request.inputs.size(),
                                    std::get<std::unique_ptr<Kernel>>(std::move(first)),
                                    std::get<std::unique_ptr<Kernel>>(std::move(second)));
}

}  // namespace tendon::cuda
