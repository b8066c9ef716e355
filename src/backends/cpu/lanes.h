// Loops over the lanes of an axis, and over the element types that most policies have.
#pragma once

#include "backends/cpu/support.h"
#include "ops/elements.h"

namespace tendon::cpu {

/// In what sums of Element are kept.
template <class Element>
using WideOf = std::conditional_t<std::is_floating_point_v<Element>, double, int64_t>;

/// function(float{} | int32_t{} | int64_t{}), or declines the type.
template <class Function>
Offer visit_common(DataType dtype, Function&& function) {
  switch (dtype) {
    case DataType::kFloat32: return function(float{});
    case DataType::kInt32: return function(int32_t{});
    case DataType::kInt64: return function(int64_t{});
    default: return decline("needs float32, int32 or int64, got {}", dtype);
  }
}

/// Calls body(outer, begin, end) in parallel for ranges of neighbouring lanes; a lane is the
/// `split.count` elements that differ in the axis only.
template <class Body>
void for_lanes(const AxisSplit& split, const Body& body) {
  parallel_for(split.outer * split.inner, rows_per_task(split.count),
               [&](int64_t begin, int64_t end) {
                 while (begin < end) {
                   const int64_t outer = begin / split.inner;
                   const int64_t first = begin - outer * split.inner;
                   const int64_t last = std::min(split.inner, first + end - begin);
                   body(outer, first, last);
                   begin += last - first;
                 }
               });
}

}  // namespace tendon::cpu
