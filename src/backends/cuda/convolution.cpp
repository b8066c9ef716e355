// FusedConv on channels-last images: as one product over windows, and for images of few channels
// over rows of windows.
#include <algorithm>
#include <limits>

#include "backends/cuda/copy_parameters.h"
#include "backends/cuda/gemm.h"
#include "backends/cuda/kernels.h"
#include "backends/cuda/prepared_images.h"
#include "base/data_type.h"

namespace tendon::cuda {
namespace {

/// Rows and columns are packed into 16 bits each.
constexpr int64_t kMostRows = 30'000;

std::optional<Declined> unless_plain(const FusedConv& op, const KernelRequest& request) {
  if (!op.channels_last) return decline("needs channels last");
  if (op.group != 1) return decline("needs one group, got {}", op.group);
  if (request.input_shape(0).rank() != 4) {
    return decline("needs two spatial axes, got an image {}", request.input_shape(0));
  }
  if (request.inputs[1].value == nullptr) return decline("needs a constant weight");
  if (request.outputs[0].shape.element_count() == 0) return decline("has nothing to compute");
  return std::nullopt;
}

struct Window {
  WindowAxis y, x;
  int64_t images, channels, outputs;
};

Window window_of(const FusedConv& op, const KernelRequest& request) {
  const auto axes = op.axes(request.input_shape(0), request.input_shape(1));
  return {axes[0], axes[1], request.input_shape(0)[0], request.input_shape(0)[3],
          request.outputs[0].shape[3]};
}

std::optional<Declined> unless_within_range(const Window& window) {
  for (const WindowAxis* axis : {&window.y, &window.x}) {
    if (axis->input + axis->pad_begin + axis->pad_end + axis->extent() > kMostRows) {
      return decline("needs images of at most {} rows and columns, got {}", kMostRows, axis->input);
    }
  }
  return std::nullopt;
}

int as_int(int64_t value) { return static_cast<int>(value); }

/// Without its tensors.
GemmProblem problem_of(const FusedConv& op, const Window& window) {
  GemmProblem problem;
  GemmParameters& p = problem.parameters;
  p.m = as_int(window.images * window.y.output * window.x.output);
  p.n = as_int(window.outputs);
  p.bias_column_step = 1;
  p.activation = static_cast<int>(op.activation);
  p.out_width = as_int(window.x.output);
  p.out_points = as_int(window.y.output * window.x.output);
  p.stride_h = as_int(window.y.stride);
  p.stride_w = as_int(window.x.stride);
  return problem;
}

/// Puts the images into a frame of zeros with four channels first, so that a row of a window is one
/// run of memory.
class FrameKernel final : public GemmKernel {
 public:
  FrameKernel(const KernelRequest& request, GemmProblem problem, const FrameParameters& frame,
              DataType source, Source offset)
      : GemmKernel(request, std::move(problem)), frame_(frame), offset_(std::move(offset)) {
    const DataType dtype = request.outputs[0].dtype;
    const int64_t pixels = int64_t{frame.batch} * frame.frame_height * frame.frame_width;
    frame_bytes_ = (static_cast<size_t>(pixels) * 4 * size_of(dtype) + 255) / 256 * 256;
    const std::string name = fmt::format("frame_{}_{}", source_suffix(source), suffix_of(dtype));
    launch_ = launch_for(device_.function(image_of("copy", {source, dtype}), name), pixels);
  }
  size_t workspace_bytes() const override { return frame_bytes_ + GemmKernel::workspace_bytes(); }

  void run(const KernelArguments& arguments) const override {
    FrameParameters frame = frame_;
    frame.x = a(arguments);
    frame.offset = static_cast<const float*>(offset_.in(arguments));
    frame.y = arguments.workspace;
    launch(launch_, frame, arguments);
    multiply(arguments.workspace, arguments.workspace + frame_bytes_, arguments);
  }

 private:
  FrameParameters frame_;
  Source offset_;
  size_t frame_bytes_;
  Launch launch_;
};

/// Of floats or codes; without its tensors.
std::variant<GemmProblem, Declined> product_over_windows(const FusedConv& op,
                                                         const KernelRequest& request) {
  if (auto declined = unless_plain(op, request)) return *declined;
  const Window window = window_of(op, request);
  if (auto declined = unless_within_range(window)) return *declined;
  const auto chunk = static_cast<int64_t>(16 / size_of(request.inputs[0].type.dtype));
  const int64_t channels = window.channels;
  if (channels % chunk != 0) {
    return decline("needs a multiple of {} channels, got {}", chunk, channels);
  }
  GemmProblem problem = problem_of(op, window);
  const int64_t kernel_h = window.y.kernel;
  const int64_t kernel_w = window.x.kernel;
  GemmParameters& p = problem.parameters;
  p.tap_chunks = as_int(channels / chunk);
  p.chunks = as_int(kernel_h * kernel_w * channels / chunk);
  p.kernel_w = as_int(kernel_w);
  p.pixel_step = as_int(channels);
  p.row_step = as_int(window.x.input * channels);
  p.image_step = as_int(window.y.input * window.x.input * channels);
  p.height = as_int(window.y.input);
  p.width = as_int(window.x.input);
  p.pad_h = as_int(window.y.pad_begin);
  p.pad_w = as_int(window.x.pad_begin);
  p.dilation_h = as_int(window.y.dilation);
  p.dilation_w = as_int(window.x.dilation);
  p.tap_row_step = as_int(window.y.dilation) * p.row_step;
  p.tap_column_step = as_int(window.x.dilation) * p.pixel_step;
  problem.weight_index = [=](int64_t n, int64_t k) -> int64_t {
    const int64_t tap = k / channels;
    if (tap >= kernel_h * kernel_w) return -1;
    return (n * channels + k % channels) * kernel_h * kernel_w + tap;
  };
  return problem;
}

FusedConv plain_of(const QuantizedConv& op) {
  FusedConv conv = op.plain();
  conv.activation = op.activation;
  return conv;
}

using Geometry = std::variant<GemmProblem, Declined> (*)(const FusedConv&, const KernelRequest&);

std::variant<GemmProblem, Declined> with_operands(const FusedConv& op, const KernelRequest& request,
                                                  Geometry geometry) {
  if (auto declined = unless_floating(request)) return *declined;
  auto problem = geometry(op, request);
  if (auto* found = std::get_if<GemmProblem>(&problem)) set_operands(*found, request);
  return problem;
}

std::variant<GemmProblem, Declined> with_operands(const QuantizedConv& op,
                                                  const KernelRequest& request, Geometry geometry) {
  if (auto declined = unless_codes(request)) return *declined;
  auto problem = geometry(plain_of(op), request);
  if (auto* found = std::get_if<GemmProblem>(&problem)) {
    set_operands(*found, request, op.residual_scale, op.y_scale);
  }
  return problem;
}

}  // namespace

std::variant<GemmProblem, Declined> conv_problem(const FusedConv& op,
                                                 const KernelRequest& request) {
  return with_operands(op, request, product_over_windows);
}

std::variant<GemmProblem, Declined> conv_problem(const QuantizedConv& op,
                                                 const KernelRequest& request) {
  return with_operands(op, request, product_over_windows);
}

namespace {

template <class Conv>
Offer make_gemm_conv(const Conv& op, const KernelRequest& request) {
  auto problem = conv_problem(op, request);
  if (auto* declined = std::get_if<Declined>(&problem)) return std::move(*declined);
  return std::make_unique<GemmKernel>(request, std::get<GemmProblem>(std::move(problem)));
}

}  // namespace

Offer make_conv(const FusedConv& op, const KernelRequest& request) {
  return make_gemm_conv(op, request);
}

Offer make_int8_conv(const QuantizedConv& op, const KernelRequest& request) {
  return make_gemm_conv(op, request);
}

namespace {

constexpr int64_t kTaps = 9;
constexpr int64_t kLineBytes = 128;
constexpr int64_t kWeightStages = 3;

struct WindowTile {
  int64_t rows, columns;
  unsigned threads;
};
/// Wide images of one block of channels load each pixel least often with the tall tile.
WindowTile window_tile(const GemmProblem& problem, int64_t channel_blocks, int multiprocessors) {
  const GemmParameters& p = problem.parameters;
  const bool tall = is_half(problem.dtype) && p.n <= 64 && channel_blocks == 1 &&
                    p.m >= int64_t{256} * multiprocessors;
  return tall ? WindowTile{256, 64, 256} : WindowTile{128, 64, 256};
}

/// Parts of the sum over channels that keep the multiprocessors busiest; each costs an exchange.
int window_splits(int64_t tiles, int64_t channel_blocks, int multiprocessors) {
  int best = 1;
  double least = 0;
  for (int64_t splits = 1; splits <= std::min<int64_t>(channel_blocks, 8); ++splits) {
    if (tiles > CudaQueue::kCounters && splits > 1) break;
    const auto waves =
        static_cast<double>((tiles * splits + multiprocessors - 1) / multiprocessors);
    const auto steps = static_cast<double>((channel_blocks + splits - 1) / splits);
    const double cost =
        waves * (steps + 0.5) + (splits > 1 ? 0.5 + 0.25 * static_cast<double>(splits) : 0.0);
    if (splits > 1 && cost >= least) continue;
    least = cost;
    best = static_cast<int>(splits);
  }
  return best;
}

/// Without its tensors.
std::variant<GemmProblem, Declined> product_of_taps(const FusedConv& op,
                                                    const KernelRequest& request) {
  if (auto declined = unless_plain(op, request)) return *declined;
  const Window window = window_of(op, request);
  for (const WindowAxis& axis : {window.y, window.x}) {
    if (axis.kernel != 3 || axis.stride != 1 || axis.dilation != 1 || axis.pad_begin != 1 ||
        axis.pad_end != 1) {
      return decline("needs a 3x3 window with stride 1 and a border of 1");
    }
  }
  const auto size = static_cast<int64_t>(size_of(request.inputs[0].type.dtype));
  const int64_t channels = window.channels;
  const int64_t line = line_bytes(channels * size, size);
  const int64_t block = line / size;
  if (channels % block != 0) {
    return decline("needs a multiple of {} channels, got {}", block, channels);
  }
  GemmProblem problem = problem_of(op, window);
  problem.line_bytes = line;
  GemmParameters& p = problem.parameters;
  p.height = as_int(window.y.input);
  p.width = as_int(window.x.input);
  p.pixel_step = as_int(channels);
  p.k_tiles = as_int(channels / block);
  problem.weight_columns = kTaps * channels;
  problem.weight_index = [=](int64_t n, int64_t k) -> int64_t {
    const int64_t channel = k / (kTaps * block) * block + k % block;
    return (n * channels + channel) * kTaps + k / block % kTaps;
  };
  return problem;
}

}  // namespace

int64_t line_bytes(int64_t pixel_bytes, int64_t element_bytes) {
  const bool half = element_bytes == 1 && pixel_bytes % kLineBytes != 0;
  return half ? kLineBytes / 2 : kLineBytes;
}

std::variant<GemmProblem, Declined> window_problem(const FusedConv& op,
                                                   const KernelRequest& request) {
  return with_operands(op, request, product_of_taps);
}

std::variant<GemmProblem, Declined> window_problem(const QuantizedConv& op,
                                                   const KernelRequest& request) {
  return with_operands(op, request, product_of_taps);
}

Offer make_window(const FusedConv& op, const KernelRequest& request) {
  auto offered = window_problem(op, request);
  if (auto* declined = std::get_if<Declined>(&offered)) return std::move(*declined);
  auto problem = std::get<GemmProblem>(std::move(offered));
  GemmParameters& p = problem.parameters;
  const int64_t blocks = p.k_tiles;
  const int multiprocessors = device_of(request).multiprocessors();
  const WindowTile tile = window_tile(problem, blocks, multiprocessors);
  const int64_t tiles =
      ((p.m + tile.rows - 1) / tile.rows) * ((p.n + tile.columns - 1) / tile.columns);
  const int splits = window_splits(tiles, blocks, multiprocessors);
  const int64_t halo_rows = tile.rows + 2 * int64_t{p.width} + 2;
  const int64_t buffers = (blocks + splits - 1) / splits > 1 ? 2 : 1;
  const int64_t lines = 1 + kWeightStages * tile.columns + buffers * halo_rows;
  const int64_t sums = tile.rows * (tile.columns + 8) * static_cast<int64_t>(sizeof(float));
  const int64_t shared = std::max(lines * kLineBytes, sums);
  const int64_t most = device_of(request).shared_bytes() - 1024;
  if (shared > most) {
    return decline("needs {} bytes of shared memory, the GPU has {}", shared, most);
  }
  p.halo_rows = as_int(halo_rows);
  problem.family = "window";
  problem.tile = GemmTile{as_int(tile.rows), as_int(tile.columns), splits, tile.threads,
                          static_cast<unsigned>(shared)};
  return std::make_unique<GemmKernel>(request, std::move(problem));
}

namespace {

/// `steps` and `source` say how the images lie that request's first input stands for.
Offer make_framed(const FusedConv& op, const KernelRequest& request, const ImageSteps& steps,
                  DataType source, Source offset) {
  if (auto declined = unless_floating(request)) return *declined;
  if (auto declined = unless_halves_differ(source, request.outputs[0].dtype)) return *declined;
  if (auto declined = unless_plain(op, request)) return *declined;
  const Window window = window_of(op, request);
  if (auto declined = unless_within_range(window)) return *declined;
  constexpr int64_t kChannels = 4;
  if (window.channels > kChannels) {
    return decline("needs at most {} channels, got {}", kChannels, window.channels);
  }
  const auto chunk = static_cast<int64_t>(16 / size_of(request.outputs[0].dtype));
  if (window.x.stride * kChannels % chunk != 0) {
    return decline("needs a stride of whole 16 bytes, got {} pixels", window.x.stride);
  }
  if (window.x.dilation != 1) return decline("needs no dilation, got {}", window.x.dilation);
  GemmProblem problem = problem_of(op, window);
  set_operands(problem, request);
  const int64_t run = (window.x.kernel * kChannels + chunk - 1) / chunk;
  const int64_t frame_height = window.y.input + window.y.pad_begin + window.y.pad_end;
  // No run leaves its row, and rows start at whole chunks.
  const int64_t needed =
      std::max(window.x.input + window.x.pad_begin + window.x.pad_end,
               (window.x.output - 1) * window.x.stride + run * chunk / kChannels);
  const int64_t frame_width = (needed + 1) / 2 * 2;
  if (window.images * frame_height * frame_width * kChannels >
      std::numeric_limits<int32_t>::max()) {
    return decline("needs fewer than 2^31 elements with padding");
  }
  GemmParameters& p = problem.parameters;
  p.tap_chunks = as_int(run);
  p.chunks = as_int(window.y.kernel * run);
  p.kernel_w = 1;
  p.pixel_step = as_int(kChannels);
  p.row_step = as_int(frame_width * kChannels);
  p.image_step = as_int(frame_height) * p.row_step;
  p.height = as_int(frame_height);
  p.width = as_int(frame_width);
  p.dilation_h = as_int(window.y.dilation);
  p.dilation_w = 1;
  p.tap_row_step = p.dilation_h * p.row_step;
  problem.weight_index = [=, taps_h = window.y.kernel, taps_w = window.x.kernel,
                          channels = window.channels](int64_t n, int64_t k) -> int64_t {
    const int64_t row = k / (run * chunk);
    const int64_t column = k % (run * chunk) / kChannels;
    const int64_t channel = k % kChannels;
    if (row >= taps_h || column >= taps_w || channel >= channels) return -1;
    return ((n * channels + channel) * taps_h + row) * taps_w + column;
  };
  FrameParameters frame{};
  frame.steps = steps;
  frame.batch = as_int(window.images);
  frame.height = as_int(window.y.input);
  frame.width = as_int(window.x.input);
  frame.channels = as_int(window.channels);
  frame.frame_height = as_int(frame_height);
  frame.frame_width = as_int(frame_width);
  frame.top = as_int(window.y.pad_begin);
  frame.left = as_int(window.x.pad_begin);
  return std::make_unique<FrameKernel>(request, std::move(problem), frame, source,
                                       std::move(offset));
}

}  // namespace

Offer make_stem(const FusedConv& op, const KernelRequest& request) {
  const Shape& x = request.input_shape(0);
  const ImageSteps steps = x.rank() == 4 ? image_steps(x[3], x[1], x[2], true) : ImageSteps{};
  return make_framed(op, request, steps, request.outputs[0].dtype, Source());
}

Offer make_image_stem(const ImageConv& op, const KernelRequest& request) {
  if (op.pooled) return decline("computes no maxima");
  if (!is_floating(op.y_dtype)) return decline("makes no codes");
  const PreparedImages images(op, request);
  return make_framed(op.conv(), images.request(), images.steps(), images.source(),
                     Source(request, 3));
}

}  // namespace tendon::cuda
