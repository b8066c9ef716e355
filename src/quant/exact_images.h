// Camera frames enter the first convolution as the bytes that they are.
#pragma once

#include <functional>

#include "ir/graph.h"
#include "quant/ranges.h"

namespace tendon {

/// frames -> Sub(mean) -> Conv(w, b) -> y   ->   frames -> Sub(128/255) -> Concat(., 1) ->
///                                               Conv([w, v], b) -> y
/// where every element of `frames` was k/255 during calibration. Equal in real arithmetic, borders
/// included: the added channel is 1 inside the image and 0 in the padding, and v[m] = sum over c of
/// w[m,c] * (128/255 - mean[c]) makes up for the other offset. Quantized by 1/255, frames minus
/// 128/255 are exactly the codes k - 128, so that no error enters with the image.
///
/// bytes -> Cast -> Mul(f) -> Sub(mean) -> Conv(w, b) -> y   ->
/// bytes -> Cast -> Sub(128) -> Concat(., 127) -> Conv([w * f, v], b) -> y
/// whatever was calibrated, for uint8 elements are nothing else. A Div, such as that by 255, or no
/// factor does as well.
///
/// Adds the ranges of the new values to `ranges`. Returns how many convolutions it changed. Takes
/// those alone for which `wanted` is true, if it is given.
int exact_images(Graph& graph, Ranges& ranges,
                 const std::function<bool(const Node& convolution)>& wanted = {});

}  // namespace tendon
