#include "backends/cuda/prepared_images.h"

namespace tendon::cuda {

PreparedImages::PreparedImages(const ImageConv& op, const KernelRequest& request)
    : source_(request.inputs[0].type.dtype),
      channels_last_(op.channels_last),
      inputs_(request.inputs.begin(), request.inputs.begin() + 2),
      request_(request) {
  inputs_.front().type = {request.inputs[1].type.dtype, op.prepared(request.input_shape(0))};
  inputs_.push_back(request.has_input(2) ? request.inputs[2] : Argument{});
  outputs_ = op.conv().infer(inputs_);
  request_.inputs = inputs_;
  request_.outputs = outputs_;
}

ImageSteps PreparedImages::steps() const {
  const Shape& shape = inputs_.front().type.shape;
  return image_steps(shape[3], shape[1], shape[2], channels_last_);
}

}  // namespace tendon::cuda
