// What the kernels of elementwise.cu are given; read by host and device.
#pragma once

namespace tendon::cuda {

/// y[i] = function(a[...], b[...]) with operands broadcast over at most kElementwiseAxes axes,
/// outermost first; steps in elements, 0 on broadcast axes. y is dense.
inline constexpr int kElementwiseAxes = 4;
/// Elements that a thread of a conversion takes.
inline constexpr int kConvertedAtOnce = 4;
struct ElementwiseParameters {
  const void* a;
  const void* b;  ///< null for functions of one tensor
  void* y;
  long long count;
  int kind;  ///< as tendon::BinaryKind or tendon::UnaryKind
  int sizes[kElementwiseAxes];
  int a_steps[kElementwiseAxes];
  int b_steps[kElementwiseAxes];
};

}  // namespace tendon::cuda
