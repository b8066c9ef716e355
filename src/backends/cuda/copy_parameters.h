// What the kernels of copy.cu are given; read by host and device.
#pragma once

#include "backends/cuda/image_steps.h"

namespace tendon::cuda {

/// y[place] = x[place] over at most kCopyAxes axes, outermost first; steps in units of the kernel's
/// width.
inline constexpr int kCopyAxes = 6;
struct CopyParameters {
  const void* x;
  void* y;
  unsigned count;
  int sizes[kCopyAxes];
  int x_steps[kCopyAxes];
  int y_steps[kCopyAxes];
};

/// Several copies at once, each by the blocks of one row of the grid.
inline constexpr int kMostCopies = 4;
struct CopiesParameters {
  CopyParameters copies[kMostCopies];
};

/// Images less an offset into a frame of zeros with four channels, channels last.
struct FrameParameters {
  const void* x;
  ImageSteps steps;
  const float* offset;  ///< of each channel, or null
  void* y;
  int batch, height, width, channels;
  int frame_height, frame_width;
  int top, left;
};

/// Images [batch][3][points] to [batch][points][3]; whole fours of points.
struct InterleaveParameters {
  const void* x;
  void* y;
  int batch, points;
};

}  // namespace tendon::cuda
