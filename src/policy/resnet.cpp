#include "policy/resnet.h"

#include "base/format.h"

namespace tendon {
namespace {

constexpr int64_t kUsualStem = 64;

struct Usual {
  bool bottleneck;
  std::array<int64_t, 4> blocks;
  const char* name;
};
constexpr Usual kUsual[] = {
    {false, {2, 2, 2, 2}, "ResNet-18"},  {false, {3, 4, 6, 3}, "ResNet-34"},
    {true, {3, 4, 6, 3}, "ResNet-50"},   {true, {3, 4, 23, 3}, "ResNet-101"},
    {true, {3, 8, 36, 3}, "ResNet-152"},
};

void require_norm(TensorAudit& audit, const std::string& prefix, int64_t channels) {
  for (const char* part : {"weight", "bias", "running_mean", "running_var"}) {
    audit.require(prefix + part, Shape{channels});
  }
}

void require_convolution(TensorAudit& audit, const std::string& prefix, int number, int64_t outputs,
                         int64_t inputs, int64_t kernel) {
  audit.require(fmt::format("{}conv{}.weight", prefix, number), {outputs, inputs, kernel, kernel});
  require_norm(audit, fmt::format("{}bn{}.", prefix, number), outputs);
}

/// Returns the block's output channels.
int64_t require_block(TensorAudit& audit, const ResNet& resnet, int stage, int64_t block,
                      int64_t inputs) {
  const std::string prefix = block_prefix(resnet, stage, block);
  const int64_t width = audit.size_of(prefix + "conv1.weight", 0, 4);
  int64_t outputs = width;
  if (resnet.bottleneck) {
    outputs = audit.size_of(prefix + "conv3.weight", 0, 4);
    require_convolution(audit, prefix, 1, width, inputs, 1);
    require_convolution(audit, prefix, 2, width, width, 3);
    require_convolution(audit, prefix, 3, outputs, width, 1);
  } else {
    require_convolution(audit, prefix, 1, width, inputs, 3);
    require_convolution(audit, prefix, 2, width, width, 3);
  }
  const bool halves = stage > 0 && block == 0 && !(resnet.dilated && stage == 3);
  if (halves || inputs != outputs || audit.contains(prefix + "downsample.0.weight")) {
    audit.require(prefix + "downsample.0.weight", {outputs, inputs, 1, 1});
    require_norm(audit, prefix + "downsample.1.", outputs);
  }
  return outputs;
}

}  // namespace

std::string block_prefix(const ResNet& resnet, int stage, int64_t block) {
  return fmt::format("{}layer{}.{}.", resnet.prefix, stage + 1, block);
}

ResNet resnet_from_tensors(const StateDict& weights, std::string prefix) {
  ResNet resnet;
  resnet.prefix = std::move(prefix);
  resnet.bottleneck = weights.contains(block_prefix(resnet, 0, 0) + "conv3.weight");
  for (int stage = 0; stage < 4; ++stage) {
    int64_t& blocks = resnet.blocks[static_cast<size_t>(stage)];
    while (weights.contains(block_prefix(resnet, stage, blocks) + "conv1.weight")) ++blocks;
  }
  return resnet;
}

void require_resnet(TensorAudit& audit, ResNet& resnet) {
  resnet.stem_channels = audit.size_of(resnet.prefix + "conv1.weight", 0, 4);
  require_convolution(audit, resnet.prefix, 1, resnet.stem_channels, 3, 7);
  int64_t channels = resnet.stem_channels;
  for (int stage = 0; stage < 4; ++stage) {
    const int64_t blocks = resnet.blocks[static_cast<size_t>(stage)];
    if (blocks == 0) audit.size_of(block_prefix(resnet, stage, 0) + "conv1.weight", 0, 4);
    for (int64_t block = 0; block < blocks; ++block) {
      channels = require_block(audit, resnet, stage, block, channels);
    }
  }
  resnet.output_channels = channels;
}

int64_t feature_size(const ResNet& resnet, int64_t pixels) {
  // Five windows of odd size with stride 2, each padded by half its size: rounding up every time.
  const int halvings = resnet.dilated ? 4 : 5;
  int64_t size = pixels;
  for (int i = 0; i < halvings; ++i) size = (size + 1) / 2;
  return size;
}

std::string to_string(const ResNet& resnet) {
  std::string text = fmt::format("ResNet of {} blocks", fmt::join(resnet.blocks, ", "));
  for (const Usual& usual : kUsual) {
    if (usual.bottleneck == resnet.bottleneck && usual.blocks == resnet.blocks) text = usual.name;
  }
  if (resnet.stem_channels != kUsualStem) {
    text += fmt::format(" with {} to {} channels", resnet.stem_channels, resnet.output_channels);
  }
  return text + (resnet.dilated ? ", last stage dilated" : "");
}

}  // namespace tendon
