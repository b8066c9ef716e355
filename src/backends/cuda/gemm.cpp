#include "backends/cuda/gemm.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace tendon::cuda {
namespace {

constexpr int kTileBytes = 128;
constexpr int kMaxSplits = 16;

/// A kernel of gemm.cu: its stages decide its shared memory; `speed` is what part of the largest
/// tile's rate it reaches (estimated).
struct TileShape {
  int rows, columns, stages;
  double speed;
};
constexpr std::array kShapes = {TileShape{128, 128, 3, 1.0}, TileShape{128, 64, 4, 0.85},
                                TileShape{64, 64, 4, 0.6}};

/// Estimated clocks of one multiprocessor: its blocks' products one after the other, their start
/// and end, and the exchange of partial sums.
double estimate(const TileShape& shape, int64_t m, int64_t n, int64_t k_tiles, int splits,
                int multiprocessors) {
  constexpr double kProductsPerClock = 600;
  constexpr double kClocksPerBlock = 1500;
  constexpr double kClocksPerExchange = 2500;
  constexpr double kBytesPerClock = 64;
  const int64_t tiles = divide_up(m, shape.rows) * divide_up(n, shape.columns);
  const double blocks =
      static_cast<double>(divide_up(tiles * splits, static_cast<int64_t>(multiprocessors)));
  const double area = static_cast<double>(shape.rows) * shape.columns;
  const double product = area * 64.0 / kProductsPerClock / shape.speed *
                         static_cast<double>(divide_up(k_tiles, splits));
  // A block alone on its multiprocessor cannot hide its own loads.
  const double alone = blocks < 2 ? 1.3 : 1.0;
  // The last block of a tile reads what all of its blocks wrote.
  const double exchange =
      splits == 1 ? 0.0 : kClocksPerExchange + area * 4.0 * (splits + 1) / kBytesPerClock;
  return blocks * product * alone + exchange + kClocksPerBlock * (1 + blocks / 4);
}

}  // namespace

GemmTile choose_gemm_tile(int64_t m, int64_t n, int64_t k_tiles, int multiprocessors) {
  GemmTile best;
  double least = 0;
  for (const TileShape& shape : kShapes) {
    const int64_t tiles = divide_up(m, shape.rows) * divide_up(n, shape.columns);
    for (int splits = 1; splits <= std::min<int64_t>(kMaxSplits, divide_up(k_tiles, 2)); ++splits) {
      if (splits > 1 && tiles > CudaQueue::kCounters) break;
      const double clocks = estimate(shape, m, n, k_tiles, splits, multiprocessors);
      if (best.rows > 0 && clocks >= least) continue;
      least = clocks;
      best = {shape.rows, shape.columns, splits, 128,
              static_cast<unsigned>((shape.rows + shape.columns) * kTileBytes * shape.stages)};
    }
  }
  return best;
}

std::vector<std::byte> pack_weight(const GemmProblem& problem, int64_t rows, int64_t row_elements,
                                   int64_t (*column_of)(int64_t row)) {
  const size_t size = size_of(problem.dtype);
  std::vector<std::byte> packed(static_cast<size_t>(rows * row_elements) * size);
  const auto* const from = static_cast<const std::byte*>(problem.weight->raw());
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t n = column_of == nullptr ? row : column_of(row);
    if (n >= problem.parameters.n) continue;
    for (int64_t k = 0; k < row_elements; ++k) {
      const int64_t index = problem.weight_index(n, k);
      if (index < 0) continue;
      std::memcpy(packed.data() + static_cast<size_t>(row * row_elements + k) * size,
                  from + static_cast<size_t>(index) * size, size);
    }
  }
  return packed;
}

void round_to_tf32(std::vector<std::byte>& values) {
  constexpr uint32_t kHalf = 1U << 12;
  constexpr uint32_t kCutOff = (1U << 13) - 1;
  constexpr uint32_t kExponent = 0x7f800000U;
  for (size_t i = 0; i < values.size(); i += sizeof(uint32_t)) {
    uint32_t bits = 0;
    std::memcpy(&bits, values.data() + i, sizeof(bits));
    if ((bits & kExponent) == kExponent) continue;
    bits = (bits + kHalf) & ~kCutOff;
    std::memcpy(values.data() + i, &bits, sizeof(bits));
  }
}

void set_operands(GemmProblem& problem, const KernelRequest& request) {
  problem.dtype = request.inputs[0].type.dtype;
  problem.tf32 = request.tf32;
  problem.weight = request.inputs[1].value;
  problem.a = Source(request, 0);
  problem.bias = Source(request, 2);
  problem.residual = Source(request, 3);
  problem.parameters.residual_row_step = row_step_of(request, 3);
  problem.parameters.alpha = 1;
}

void set_operands(GemmProblem& problem, const KernelRequest& request, float residual_scale,
                  float y_scale) {
  problem.dtype = request.inputs[0].type.dtype;
  problem.weight = request.inputs[1].value;
  problem.a = Source(request, 0);
  problem.scale = Source(request, 2);
  problem.bias = Source(request, 3);
  problem.residual = Source(request, 4);
  GemmParameters& p = problem.parameters;
  p.residual_scale = residual_scale;
  p.residual_row_step = row_step_of(request, 4);
  p.codes_per_unit = 1 / y_scale;
  p.y_type = element_type(request.outputs[0].dtype);
  if (request.has_input(3)) p.bias_type = element_type(request.inputs[3].type.dtype);
  if (request.has_input(4)) p.residual_type = element_type(request.inputs[4].type.dtype);
}

std::string_view arithmetic_of(const GemmProblem& problem) {
  if (problem.of_codes()) return problem.dtype == DataType::kInt8 ? "s8" : "u8";
  return problem.tf32 && !is_half(problem.dtype) ? "tf32" : suffix_of(problem.dtype);
}

GemmKernel::GemmKernel(const KernelRequest& request, GemmProblem problem)
    : CudaKernel(request), problem_(std::move(problem)) {
  GemmParameters& p = problem_.parameters;
  if (!problem_.tile) {
    p.k_tiles = static_cast<int>(divide_up(p.chunks, 8));
    problem_.tile = choose_gemm_tile(p.m, p.n, p.k_tiles, device_.multiprocessors());
  }
  tile_ = *problem_.tile;
  p.splits = tile_.splits;
  name_ = fmt::format("{}_{}_{}x{}", problem_.family, arithmetic_of(problem_), tile_.rows,
                      tile_.columns);
  const auto tiles_m = static_cast<unsigned>(divide_up(p.m, tile_.rows));
  const auto tiles_n = static_cast<unsigned>(divide_up(p.n, tile_.columns));
  launch_ = {device_.function(image_of(problem_.family, request), name_),
             {tiles_m, tiles_n, static_cast<unsigned>(tile_.splits)},
             tile_.threads,
             tile_.shared_bytes};
  if (tile_.splits > 1) {
    partial_bytes_ = size_t{tiles_m} * tiles_n * static_cast<size_t>(tile_.splits) *
                     static_cast<size_t>(tile_.rows * tile_.columns) * sizeof(float);
  }

  const auto size = static_cast<int64_t>(size_of(problem_.dtype));
  const std::vector<std::byte> packed = pack_weight(
      problem_, int64_t{tiles_n} * tile_.columns,
      problem_.weight_columns > 0 ? problem_.weight_columns : p.k_tiles * kTileBytes / size);
  weight_bytes_ =
      packed.size() + problem_.scale.bytes() + problem_.bias.bytes() + problem_.residual.bytes();
  weight_ = device_.upload(packed.data(), packed.size());
  problem_.weight = nullptr;
  problem_.weight_index = nullptr;
}

std::string GemmKernel::detail() const {
  return tile_.splits == 1 ? name_ : fmt::format("{}, k in {} parts", name_, tile_.splits);
}

void GemmKernel::run(const KernelArguments& arguments) const {
  multiply(problem_.a.in(arguments), arguments.workspace, arguments);
}

void GemmKernel::multiply(const void* a, std::byte* workspace,
                          const KernelArguments& arguments) const {
  GemmParameters p = problem_.parameters;
  p.a = a;
  p.b = weight_.get();
  p.y = arguments.outputs[0];
  p.bias = problem_.bias.in(arguments);
  p.residual = problem_.residual.in(arguments);
  p.scale = static_cast<const float*>(problem_.scale.in(arguments));
  p.partial = reinterpret_cast<float*>(workspace);
  p.counters = static_cast<CudaQueue*>(arguments.queue)->counters();
  launch(launch_, p, arguments);
}

}  // namespace tendon::cuda
