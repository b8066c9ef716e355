// The architecture of an ACT policy, read off the names and shapes of its tensors.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ops/activation.h"
#include "policy/resnet.h"

namespace tendon {

enum class ActLayout { kOriginal, kLeRobot };

/// How one layout names the tensors of the network, behind the prefix that all of them share.
struct ActNames {
  std::string_view encoder;
  std::string_view decoder;
  std::string_view queries;
  std::string_view token_positions;
  std::string_view latent_projection;
  std::string_view state_projection;
  std::string_view environment_projection;
  std::string_view image_projection;
  std::string_view action_head;
};
const ActNames& names_of(ActLayout layout);

/// Which output of the stack of decoder layers the action head reads.
enum class DecoderLayer { kFirst, kLast };

struct Act {
  ActLayout layout = ActLayout::kOriginal;
  /// Of all names: "model.".
  std::string prefix;

  // What tensors tell.
  int64_t hidden = 0;
  int64_t feed_forward = 0;
  int64_t encoder_layers = 0;
  int64_t decoder_layers = 0;
  int64_t chunk = 0;
  int64_t latent = 0;
  int64_t actions = 0;
  /// 0 where the policy reads no joint positions, or no state of the environment.
  int64_t state = 0;
  int64_t environment = 0;
  /// None, one for all cameras, or one a camera.
  std::vector<ResNet> backbones;
  /// Whether a LayerNormalization follows the last encoder layer, as pre-norm training makes it.
  bool encoder_norm = false;
  /// Of the latent, whose value then comes from another model; empty for ACT's own.
  std::string vq;

  // What they do not.
  int64_t heads = 8;
  bool pre_norm = false;
  Activation activation = Activation::kRelu;
  DecoderLayer decoder_output = DecoderLayer::kFirst;

  std::string name(std::string_view tensor) const { return prefix + std::string(tensor); }
  std::string encoder_layer(int64_t index) const;
  std::string decoder_layer(int64_t index) const;
  /// Decoder layers that the output depends on.
  int64_t live_decoder_layers() const {
    return decoder_output == DecoderLayer::kFirst ? 1 : decoder_layers;
  }
  /// Learned positions: latent, and state and environment where there are.
  int64_t token_count() const { return 1 + (state > 0 ? 1 : 0) + (environment > 0 ? 1 : 0); }
};

/// Finds layout, prefix and sizes; what tensors cannot tell gets the layout's usual value. Throws
/// Error{kBadInput} naming the tensors that are missing, and Error{kUnsupported} when there is no
/// ACT network at all.
Act act_from_state_dict(const StateDict& weights);

/// "original" or "LeRobot".
std::string_view to_string(ActLayout layout);

}  // namespace tendon
