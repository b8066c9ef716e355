// Maps: how the copy engine of compute capability 9.0 walks through tensors.
#pragma once

#include <algorithm>
#include <array>

#include "backends/cuda/device.h"
#include "backends/cuda/gemm_parameters.h"
#include "backends/cuda/tensor_map.h"

namespace tendon::cuda {

/// Walks through tensors of one element type that bring lines of 128 or 64 bytes; sizes of the
/// innermost axis first.
class Maps {
 public:
  Maps(const CudaDevice& device, DataType dtype, int64_t line_bytes)
      : device_(device), dtype_(dtype), line_bytes_(line_bytes) {}

  template <size_t kRank>
  void boxes(TensorMap& map, const void* tensor, const std::array<int64_t, kRank>& sizes,
             const std::array<int64_t, kRank>& box) const {
    const auto dims = sizes_of<cuuint64_t>(sizes);
    const auto steps = steps_of(sizes);
    const auto box_sizes = sizes_of<cuuint32_t>(box);
    const auto ones = [] {
      std::array<cuuint32_t, kRank> result{};
      result.fill(1);
      return result;
    }();
    const CudaDevice::Scope scope(device_);
    const Driver& driver = device_.driver();
    check(driver,
          driver.cuTensorMapEncodeTiled(
              map_of(map), type(), kRank, const_cast<void*>(tensor), dims.data(), steps.data(),
              box_sizes.data(), ones.data(), CU_TENSOR_MAP_INTERLEAVE_NONE, mixing(),
              CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE),
          "cannot describe a tensor to the copy engine");
  }

  /// `rows` windows at once, of a product over windows.
  void windows(TensorMap& map, const GemmParameters& p, int rows) const {
    const std::array<int64_t, 4> sizes = {p.pixel_step, p.width, p.height, p.m / p.out_points};
    const auto dims = sizes_of<cuuint64_t>(sizes);
    const auto steps = steps_of(sizes);
    const int out_height = p.out_points / p.out_width;
    const std::array<int, 2> lower = {-p.pad_w, -p.pad_h};
    const std::array<int, 2> upper = {(p.out_width - 1) * p.stride_w - p.pad_w - (p.width - 1),
                                      (out_height - 1) * p.stride_h - p.pad_h - (p.height - 1)};
    const std::array<cuuint32_t, 4> strides = {1, static_cast<cuuint32_t>(p.stride_w),
                                               static_cast<cuuint32_t>(p.stride_h), 1};
    const CudaDevice::Scope scope(device_);
    const Driver& driver = device_.driver();
    check(driver,
          driver.cuTensorMapEncodeIm2col(
              map_of(map), type(), 4, const_cast<void*>(p.a), dims.data(), steps.data(),
              lower.data(), upper.data(), static_cast<cuuint32_t>(block()),
              static_cast<cuuint32_t>(rows), strides.data(), CU_TENSOR_MAP_INTERLEAVE_NONE,
              mixing(), CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE),
          "cannot describe images to the copy engine");
  }

  /// Elements of a line.
  int64_t block() const { return line_bytes_ / static_cast<int64_t>(size_of(dtype_)); }

 private:
  static_assert(sizeof(TensorMap) == sizeof(CUtensorMap) &&
                alignof(TensorMap) == alignof(CUtensorMap));
  static CUtensorMap* map_of(TensorMap& map) { return reinterpret_cast<CUtensorMap*>(&map); }
  CUtensorMapSwizzle mixing() const {
    return line_bytes_ == 128 ? CU_TENSOR_MAP_SWIZZLE_128B : CU_TENSOR_MAP_SWIZZLE_64B;
  }
  CUtensorMapDataType type() const {
    if (size_of(dtype_) == 1) return CU_TENSOR_MAP_DATA_TYPE_UINT8;
    if (dtype_ == DataType::kFloat16) return CU_TENSOR_MAP_DATA_TYPE_FLOAT16;
    return dtype_ == DataType::kBFloat16 ? CU_TENSOR_MAP_DATA_TYPE_BFLOAT16
                                         : CU_TENSOR_MAP_DATA_TYPE_FLOAT32;
  }
  template <class T, size_t kRank>
  static std::array<T, kRank> sizes_of(const std::array<int64_t, kRank>& sizes) {
    std::array<T, kRank> result{};
    std::ranges::transform(sizes, result.begin(),
                           [](int64_t size) { return static_cast<T>(size); });
    return result;
  }
  /// In bytes, from the second axis on.
  template <size_t kRank>
  std::array<cuuint64_t, kRank> steps_of(const std::array<int64_t, kRank>& sizes) const {
    std::array<cuuint64_t, kRank> steps{};
    int64_t step = static_cast<int64_t>(size_of(dtype_));
    for (size_t i = 0; i + 1 < kRank; ++i) {
      step *= sizes[i];
      steps[i] = static_cast<cuuint64_t>(step);
    }
    return steps;
  }

  const CudaDevice& device_;
  DataType dtype_;
  int64_t line_bytes_;
};

}  // namespace tendon::cuda
