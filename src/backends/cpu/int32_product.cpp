// MatMul of int32, which quantised models compute from 8-bit codes: exact, with sums that wrap.
#include "base/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/int32_product.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>

#include "backends/cpu/kernels.h"
#include "backends/cpu/support.h"

HWY_BEFORE_NAMESPACE();
namespace tendon::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr int kVectors = 2;

int64_t int32_panel_width() {
  return kVectors * static_cast<int64_t>(hn::Lanes(hn::ScalableTag<int32_t>()));
}

/// sums[kRows, width] = a[kRows, depth] * panel[depth, width]; panel and sums are aligned.
template <int kRows>
HWY_INLINE void multiply_rows(const int32_t* a, const int32_t* panel, int64_t depth,
                              int32_t* sums) {
  const hn::ScalableTag<int32_t> d;
  using V = hn::Vec<decltype(d)>;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  V tile[kRows][kVectors];
  for (auto& row : tile) {
    for (V& sum : row) sum = hn::Zero(d);
  }
  for (int64_t k = 0; k < depth; ++k) {
    V columns[kVectors];
    for (int v = 0; v < kVectors; ++v) columns[v] = hn::Load(d, panel + (k * kVectors + v) * lanes);
    for (int row = 0; row < kRows; ++row) {
      const V left = hn::Set(d, a[row * depth + k]);
      for (int v = 0; v < kVectors; ++v) {
        tile[row][v] = hn::Add(tile[row][v], hn::Mul(left, columns[v]));
      }
    }
  }
  for (int row = 0; row < kRows; ++row) {
    for (int v = 0; v < kVectors; ++v) {
      hn::Store(tile[row][v], d, sums + (row * kVectors + v) * lanes);
    }
  }
}

/// Columns [0, count) of y, each row `stride` elements after the other.
void int32_multiply_panel(const int32_t* a, int64_t rows, const int32_t* panel, int64_t depth,
                          int32_t* y, int64_t stride, int64_t count) {
  constexpr int kRows = 4;
  HWY_ALIGN int32_t sums[kRows * kVectors * hn::MaxLanes(hn::ScalableTag<int32_t>())];
  const int64_t width = int32_panel_width();
  for (int64_t row = 0; row < rows;) {
    const int64_t taken = rows - row >= kRows ? kRows : 1;
    if (taken == kRows) {
      multiply_rows<kRows>(a + row * depth, panel, depth, sums);
    } else {
      multiply_rows<1>(a + row * depth, panel, depth, sums);
    }
    for (int64_t i = 0; i < taken; ++i, ++row) {
      std::copy_n(sums + i * width, count, y + row * stride);
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace tendon::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tendon::cpu {
HWY_EXPORT(int32_panel_width);
HWY_EXPORT(int32_multiply_panel);
namespace {

/// B is copied into panels of a few columns, one panel a part of the work.
class Int32Product final : public Kernel {
 public:
  Int32Product(int64_t rows, int64_t depth, int64_t columns)
      : rows_(rows),
        depth_(depth),
        columns_(columns),
        width_(HWY_DYNAMIC_DISPATCH(int32_panel_width)()),
        multiply_(&HWY_DYNAMIC_DISPATCH(int32_multiply_panel)) {}

  void run(const KernelArguments& arguments) const override {
    const auto* a = static_cast<const int32_t*>(arguments.inputs[0]);
    const auto* b = static_cast<const int32_t*>(arguments.inputs[1]);
    auto* y = static_cast<int32_t*>(arguments.outputs[0]);
    auto* copies = reinterpret_cast<int32_t*>(arguments.workspace);
    parallel_for(panels(), 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        int32_t* panel = copies + i * depth_ * width_;
        const int64_t first = i * width_;
        const int64_t count = std::min(width_, columns_ - first);
        for (int64_t k = 0; k < depth_; ++k) {
          std::copy_n(b + k * columns_ + first, count, panel + k * width_);
          std::fill_n(panel + k * width_ + count, width_ - count, 0);
        }
        multiply_(a, rows_, panel, depth_, y + first, columns_, count);
      }
    });
  }
  size_t workspace_bytes() const override {
    return static_cast<size_t>(panels() * depth_ * width_) * sizeof(int32_t);
  }

 private:
  int64_t panels() const { return (columns_ + width_ - 1) / width_; }

  int64_t rows_;
  int64_t depth_;
  int64_t columns_;
  int64_t width_;
  void (*multiply_)(const int32_t*, int64_t, const int32_t*, int64_t, int32_t*, int64_t, int64_t);
};

}  // namespace

Offer make_int32_matmul(const MatMul&, const KernelRequest& request) {
  const Shape& a = request.input_shape(0);
  const Shape& b = request.input_shape(1);
  if (request.inputs[0].type.dtype != DataType::kInt32) return decline("needs int32");
  if (a.rank() < 2 || b.rank() != 2) return decline("needs matrices, got {} and {}", a, b);
  if (request.outputs[0].shape.element_count() == 0) return decline("the output is empty");
  return std::make_unique<Int32Product>(extent(a, 0, a.rank() - 1), b[0], b[1]);
}

}  // namespace tendon::cpu
#endif
