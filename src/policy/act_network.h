// An ACT policy as a graph of ONNX operators.
#pragma once

#include <string>
#include <vector>

#include "ir/graph.h"
#include "policy/act.h"
#include "policy/scaling.h"

namespace tendon {

struct CameraInput {
  std::string name;
  int64_t height = 0;
  int64_t width = 0;
  /// Of pixels in 0 to 1.
  Scaling scaling;
};

/// What goes into a network and comes out of it, and in which units.
struct ActInterface {
  std::string state = "qpos";
  std::string environment;
  std::string action = "action";
  /// One input for all cameras, which then have one size and one scaling; "" for one input a
  /// camera, named as the camera.
  std::string image = "image";
  std::vector<CameraInput> cameras;
  /// Images are uint8 (…, height, width, 3) instead of float32 (…, 3, height, width) in 0 to 1.
  bool raw_images = false;
  /// Where not empty, the network takes or gives unscaled values.
  Scaling state_scaling;
  Scaling environment_scaling;
  Scaling action_scaling;
};

/// The network for inference, without the parts that its output does not depend on. The batch is a
/// symbolic dimension, "batch". Weights are views of `weights`. Token order is the layout's own.
/// Requires that audit_act found nothing wrong. Throws Error{kBadInput} naming a tensor with NaN or
/// infinity.
Graph graph_from_act(const Act& act, const StateDict& weights, const ActInterface& interface);

}  // namespace tendon
