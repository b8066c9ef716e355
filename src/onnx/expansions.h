// The expansions that expand.cpp lists, each with what it draws.
#pragma once

#include "onnx/expand.h"

namespace tendon {

/// Softmax(x, axis) of opset 12 and before, which is taken over all axes from `axis` on:
/// x -> Flatten(axis) -> Softmax(-1) -> Reshape(Shape(x)). LogSoftmax alike.
void expand_flat_softmax(const OnnxNode& node, Expansion& expansion);

/// Dropout at inference: x -> Identity, and a mask of ones where it is asked for.
void expand_dropout(const OnnxNode& node, Expansion& expansion);

}  // namespace tendon
