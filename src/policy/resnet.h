// The ResNet that turns a camera's image into features, as its tensors tell.
#pragma once

#include <array>
#include <string>

#include "policy/tensor_audit.h"

namespace tendon {

struct ResNet {
  /// Of its tensors, with the dot: "model.backbones.0.0.body.".
  std::string prefix;
  /// Three convolutions a block instead of two.
  bool bottleneck = false;
  std::array<int64_t, 4> blocks{};
  int64_t stem_channels = 0;
  int64_t output_channels = 0;
  /// The last stage keeps its resolution and dilates instead; tensors cannot tell.
  bool dilated = false;
};

/// Name prefix of one block's tensors; stages count from 0.
std::string block_prefix(const ResNet& resnet, int stage, int64_t block);

/// Counts the blocks below `prefix`. What is odd about them is found by require_resnet.
ResNet resnet_from_tensors(const StateDict& weights, std::string prefix);
/// Notes every tensor that the network needs, and sets the channel counts.
void require_resnet(TensorAudit& audit, ResNet& resnet);

/// Rows or columns of the features of an image with so many pixels.
int64_t feature_size(const ResNet& resnet, int64_t pixels);
/// "ResNet-18", or its blocks and channels where it is none of the usual ones.
std::string to_string(const ResNet& resnet);

}  // namespace tendon
