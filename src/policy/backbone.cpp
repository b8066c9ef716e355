#include "policy/backbone.h"

namespace tendon {
namespace {

/// A square window that keeps or, with stride 2, halves the resolution.
WindowAttributes window(int64_t kernel, int64_t stride, int64_t dilation) {
  WindowAttributes attributes;
  const int64_t pad = dilation * (kernel / 2);
  attributes.kernel_shape = {kernel, kernel};
  attributes.pads = {pad, pad, pad, pad};
  attributes.strides = {stride, stride};
  attributes.dilations = {dilation, dilation};
  return attributes;
}

/// Adds the nodes of one ResNet for one camera.
class Backbone {
 public:
  Backbone(NetworkBuilder& builder, const ResNet& resnet, std::string name)
      : builder_(builder), resnet_(resnet), name_(std::move(name)) {}

  ValueId add(ValueId image) {
    ValueId x = convolution(image, "conv1", "bn1", 7, 2, 1);
    x = relu(x, "relu");
    MaxPool pool;
    static_cast<WindowAttributes&>(pool) = window(3, 2, 1);
    x = builder_.node(pool, {x}, name_ + "maxpool");
    for (int stage = 0; stage < 4; ++stage) {
      for (int64_t block = 0; block < resnet_.blocks[static_cast<size_t>(stage)]; ++block) {
        x = add_block(x, stage, block);
      }
    }
    return x;
  }

 private:
  ValueId convolution(ValueId x, const std::string& conv, const std::string& norm, int64_t kernel,
                      int64_t stride, int64_t dilation) {
    Conv op;
    static_cast<WindowAttributes&>(op) = window(kernel, stride, dilation);
    x = builder_.node(op, {x, builder_.weight(resnet_.prefix + conv + ".weight")}, name_ + conv);
    const std::string tensors = resnet_.prefix + norm + ".";
    return builder_.node(
        BatchNormalization{},
        {x, builder_.weight(tensors + "weight"), builder_.weight(tensors + "bias"),
         builder_.weight(tensors + "running_mean"), builder_.weight(tensors + "running_var")},
        name_ + norm);
  }
  ValueId relu(ValueId x, const std::string& name) {
    return builder_.node(Unary::of(UnaryKind::kRelu), {x}, name_ + name);
  }

  ValueId add_block(ValueId x, int stage, int64_t block) {
    const std::string prefix = block_prefix(resnet_, stage, block).substr(resnet_.prefix.size());
    const bool dilated = resnet_.dilated && stage == 3;
    const int64_t stride = stage > 0 && block == 0 && !dilated ? 2 : 1;
    // The first block of a dilated stage still works at the resolution before it.
    const int64_t dilation = dilated && block > 0 ? 2 : 1;
    const int64_t first_kernel = resnet_.bottleneck ? 1 : 3;
    const int64_t first_stride = resnet_.bottleneck ? 1 : stride;
    const int64_t second_stride = resnet_.bottleneck ? stride : 1;
    ValueId y = convolution(x, prefix + "conv1", prefix + "bn1", first_kernel, first_stride, 1);
    y = relu(y, prefix + "relu1");
    y = convolution(y, prefix + "conv2", prefix + "bn2", 3, second_stride, dilation);
    if (resnet_.bottleneck) {
      y = relu(y, prefix + "relu2");
      y = convolution(y, prefix + "conv3", prefix + "bn3", 1, 1, 1);
    }
    if (builder_.has_weight(resnet_.prefix + prefix + "downsample.0.weight")) {
      x = convolution(x, prefix + "downsample.0", prefix + "downsample.1", 1, stride, 1);
    }
    return relu(builder_.add(y, x, name_ + prefix + "sum"), prefix + "relu");
  }

  NetworkBuilder& builder_;
  const ResNet& resnet_;
  std::string name_;
};

}  // namespace

ValueId add_backbone(NetworkBuilder& builder, const ResNet& resnet, ValueId image,
                     const std::string& name) {
  return Backbone(builder, resnet, name).add(image);
}

}  // namespace tendon
