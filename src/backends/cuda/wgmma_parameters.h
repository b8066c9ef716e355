// What the kernels of wgmma.cu are given; read by host and device.
#pragma once

#include "backends/cuda/gemm_parameters.h"
#include "backends/cuda/tensor_map.h"

namespace tendon::cuda {

/// What `a` of a WgmmaParameters is.
enum class WgmmaSource : int {
  kMatrix,   ///< rows of k
  kWindows,  ///< windows of a channels-last image batch, one tap after the other
  kPatches,  ///< 3x3 windows with stride 1 and a border of 1, out of patches that hold all taps
};

/// As GemmParameters. Its pointers a, b, partial and counters are not used; k_tiles counts lines of
/// k, of 128 bytes or, in narrow kernels, 64; with kPatches lines of channels.
struct WgmmaParameters {
  TensorMap a, b;
  GemmParameters gemm;
  WgmmaSource source;
  int stages;
  int joined_at;  ///< of shared memory from the first stage on: where others' parts of sums come
  bool inputs_pending;  ///< as in KernelArguments
  bool terms_constant;  ///< what belongs to columns (scale, bias, the norm's) may be read at once
  /// kPatches: of y, and how many of a block's groups of 8x8 pixels lie side by side.
  int tiles_x, tiles_y;
  int groups_x;
  int patch_bytes;  ///< of shared memory
  /// Of a NormalizedMatMul.
  const void* norm_scale;
  const void* norm_shift;  ///< or null
  float epsilon;
  float per_column;  ///< 1 / columns
  float per_part;    ///< 1 / parts of a row that NormMemory has
  void* codes;       ///< of y, or null
  float codes_per_unit;
  bool codes_signed;
};

/// Columns of one block of a NormalizedMatMul, and the most blocks along a row.
inline constexpr int kNormColumns = 128;
inline constexpr int kMostNormParts = 8;

/// Of shared memory, before the tiles: a column's factor and bias, and in kernels that normalise
/// what blocks along a row tell each other.
inline constexpr int kTermBytes = 1024;
template <int kParts>
inline constexpr int kNormBytes = 1024 + kParts * 512;
inline int norm_bytes(int parts) { return 1024 + parts * 512; }

/// Columns among which sums have an order of their own.
inline constexpr int kPackColumns = 32;
/// The tensor cores leave a lane two columns of every eight, the hardware's order; where rows of
/// the weight are packed in this one, a lane has eight columns of 32 that lie side by side. From
/// the place in the one to the place in the other, and back.
#ifdef __CUDACC__
__host__ __device__
#endif
    constexpr int
    column_of_sums(int place) {
  return (place & ~31) | (place >> 1 & 3) << 3 | (place >> 3 & 3) << 1 | (place & 1);
}

inline constexpr int kWgmmaMaxStages = 8;
/// Pixels of one group of warps along both axes.
inline constexpr int kPatchSide = 8;

}  // namespace tendon::cuda
