// Bfloat16 on this CPU: whether its products have instructions, and conversions.
#pragma once

#include <cstdint>
#include <optional>

#include "base/format.h"

namespace tendon::cpu {

/// Whether oneDNN and our own kernels find bfloat16 products in this CPU's instruction set, which
/// oneDNN's DNNL_MAX_CPU_ISA may limit.
bool multiplies_bfloat16();
/// The same, or what a test says.
bool has_bfloat16();
/// Whether AMX is among them, and no test pretends otherwise.
bool multiplies_bfloat16_tiles();
/// Whether AVX-512's bfloat16 instructions are faster here than float32's, as measured once.
bool bfloat16_pairs_pay();
/// Whether products of bfloat16 are: by those instructions or by AMX.
bool bfloat16_pays();
/// For tests: bfloat16 kernels are offered, by plain vectors where the instructions lack, or are
/// not. Nothing: as the CPU is.
void pretend_bfloat16(std::optional<bool> present);

/// y[i] = x[i] for i in [0, n).
void widen(const BFloat16* x, float* y, int64_t n);
/// Rounded to the nearest, ties to even.
void narrow(const float* x, BFloat16* y, int64_t n);

/// Elements that a kernel converts at a time, so that they stay in the nearest cache.
inline constexpr int64_t kBfloat16Chunk = 1024;

}  // namespace tendon::cpu
