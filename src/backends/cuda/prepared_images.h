// An ImageConv as the kernels of a FusedConv are asked for it: as if its images had been prepared.
#pragma once

#include "backends/cuda/image_steps.h"
#include "backends/cuda/support.h"

namespace tendon::cuda {

class PreparedImages {
 public:
  PreparedImages(const ImageConv& op, const KernelRequest& request);
  PreparedImages(const PreparedImages&) = delete;
  PreparedImages& operator=(const PreparedImages&) = delete;

  /// Of the convolution, without offset and pool; its first input is X all the same. Lives as long
  /// as this.
  const KernelRequest& request() const { return request_; }
  ImageSteps steps() const;
  DataType source() const { return source_; }

 private:
  DataType source_;
  bool channels_last_;
  std::vector<Argument> inputs_;
  std::vector<TensorType> outputs_;
  KernelRequest request_;
};

}  // namespace tendon::cuda
