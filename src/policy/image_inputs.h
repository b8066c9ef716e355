// The cameras of a policy: inputs, normalisation, and the tokens that a backbone makes of them.
#pragma once

#include <vector>

#include "policy/act_network.h"
#include "policy/network_builder.h"

namespace tendon {

/// Adds the graph's image inputs and returns a normalised image (batch, 3, height, width) for each
/// camera. Whatever the input is, the arithmetic that follows it is the same.
std::vector<ValueId> add_image_inputs(NetworkBuilder& builder, const ActInterface& interface);

/// All cameras' features as tokens (batch, image_token_count, hidden).
ValueId add_image_tokens(NetworkBuilder& builder, const Act& act, const ActInterface& interface,
                         const std::vector<ValueId>& images);
int64_t image_token_count(const Act& act, const ActInterface& interface);
/// (image_token_count, hidden): the positions of these tokens in their camera's features.
Tensor image_positions(const Act& act, const ActInterface& interface);

/// x scaled along `axis` of `rank`, or x where there is nothing to do.
ValueId add_scaling(NetworkBuilder& builder, ValueId x, const Scaling& scaling, int axis, int rank,
                    const std::string& name);

}  // namespace tendon
