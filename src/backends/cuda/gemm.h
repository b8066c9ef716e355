// The product kernels of gemm.cu: choice of tile and split, packed weights, launch.
#pragma once

#include <functional>

#include "backends/cuda/gemm_parameters.h"
#include "backends/cuda/support.h"
#include "backends/cuda/wgmma_parameters.h"
#include "ops/activation.h"

namespace tendon::cuda {

/// A block's share of the result and how many blocks share the sum over k.
struct GemmTile {
  int rows = 0, columns = 0;
  int splits = 1;
  unsigned threads = 0;
  unsigned shared_bytes = 0;
  bool operator==(const GemmTile&) const = default;
};

/// The tile that keeps `multiprocessors` busy best. k_tiles: of 128 bytes.
GemmTile choose_gemm_tile(int64_t m, int64_t n, int64_t k_tiles, int multiprocessors);

/// The parts of a product that the operators differ in.
struct GemmProblem {
  /// Family of kernels: "gemm", or "window" with its tile.
  std::string_view family = "gemm";
  std::optional<GemmTile> tile;
  /// Sizes and steps; pointers and, for "gemm", k_tiles are filled in by the kernel.
  GemmParameters parameters{};
  DataType dtype = DataType::kFloat32;
  bool tf32 = false;
  /// Elements of a packed row of the weight; 0: those of k_tiles.
  int64_t weight_columns = 0;
  /// The index in the weight tensor of element k of row n, or -1 for a zero.
  std::function<int64_t(int64_t n, int64_t k)> weight_index;
  const Tensor* weight = nullptr;
  Source a, scale, bias, residual;
  /// Of k that a row in shared memory holds, for kernels of wgmma.
  int64_t line_bytes = 128;
  /// Of a product that is normalised; no scale: no normalisation.
  Source norm_scale, norm_shift;
  float epsilon = 0;
  /// Of the second output where there is one.
  float codes_scale = 1;

  bool of_codes() const { return size_of(dtype) == 1; }
  /// Float32, for which the tensor cores have no product.
  bool exact() const { return dtype == DataType::kFloat32 && !tf32; }
};

/// The tensors of a product of floats, or of codes whose result has `y_scale` where it is codes
/// too.
void set_operands(GemmProblem& problem, const KernelRequest& request);
void set_operands(GemmProblem& problem, const KernelRequest& request, float residual_scale,
                  float y_scale);
/// "f16", "bf16", "tf32", "f32", "u8" or "s8".
std::string_view arithmetic_of(const GemmProblem& problem);

/// `rows` rows of `row_elements` elements: the weight as kernels read it, zeros where it has none.
/// column_of(row): of the result.
std::vector<std::byte> pack_weight(const GemmProblem& problem, int64_t rows, int64_t row_elements,
                                   int64_t (*column_of)(int64_t row) = nullptr);

/// Float32 values to the nearest TF32 number, ties away from zero, as the GPU rounds.
void round_to_tf32(std::vector<std::byte>& values);

/// Computes one product.
class GemmKernel : public CudaKernel {
 public:
  GemmKernel(const KernelRequest& request, GemmProblem problem);

  void run(const KernelArguments& arguments) const override;
  size_t workspace_bytes() const override { return partial_bytes_; }
  size_t packed_bytes() const override { return weight_bytes_; }
  std::string detail() const override;

 protected:
  const void* a(const KernelArguments& arguments) const { return problem_.a.in(arguments); }
  /// Enqueues the product of the rows at `a`; `workspace` has workspace_bytes() of this class.
  void multiply(const void* a, std::byte* workspace, const KernelArguments& arguments) const;

 private:
  GemmProblem problem_;
  GemmTile tile_;
  Launch launch_;
  std::string name_;
  std::shared_ptr<std::byte> weight_;
  size_t weight_bytes_ = 0;
  size_t partial_bytes_ = 0;
};

/// What the operators are as products; the part of their kernels' "can I" that needs no device.
std::variant<GemmProblem, Declined> matmul_problem(const FusedMatMul& op,
                                                   const KernelRequest& request);
std::variant<GemmProblem, Declined> conv_problem(const FusedConv& op, const KernelRequest& request);
std::variant<GemmProblem, Declined> matmul_problem(const QuantizedMatMul& op,
                                                   const KernelRequest& request);
std::variant<GemmProblem, Declined> conv_problem(const QuantizedConv& op,
                                                 const KernelRequest& request);
/// Of k in one row of shared memory: 128, or 64 where codes of a pixel fill no 128.
int64_t line_bytes(int64_t pixel_bytes, int64_t element_bytes);
/// 3x3 windows with stride 1 and a border of 1; k in blocks of 128 bytes of channels.
std::variant<GemmProblem, Declined> window_problem(const FusedConv& op,
                                                   const KernelRequest& request);
std::variant<GemmProblem, Declined> window_problem(const QuantizedConv& op,
                                                   const KernelRequest& request);

}  // namespace tendon::cuda
