// A ResNet as graph nodes.
#pragma once

#include "policy/network_builder.h"
#include "policy/resnet.h"

namespace tendon {

/// Features (batch, output channels, rows, columns) of a normalised image (batch, 3, height,
/// width). `name` starts the names of the nodes.
ValueId add_backbone(NetworkBuilder& builder, const ResNet& resnet, ValueId image,
                     const std::string& name);

}  // namespace tendon
