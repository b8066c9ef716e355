// What the kernels of pool.cu are given; read by host and device.
#pragma once

namespace tendon::cuda {

/// The largest element of each window of a channels-last image batch; padding never is.
struct MaxPoolParameters {
  const void* x;
  void* y;
  int batch, channels;
  int height, width;
  int out_height, out_width;
  int kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w;
  float codes_per_unit;  ///< of kernels that read floats and write codes
  bool codes_signed;
};

}  // namespace tendon::cuda
