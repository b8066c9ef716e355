// How the convolutions that read images are quantised for GPUs.
#pragma once

#include "quant/quantization_plan.h"

namespace tendon {

/// As exact_images, for the convolutions alone that GPUs compute on codes: 7x7 windows with stride
/// 2 over at most 3 channels, with a pool of 3x3 windows after them. All other convolutions over at
/// most 4 channels leave `plan`: GPUs compute them in floats and write codes. Returns how many
/// became exact.
int exact_images_for_gpu(Graph& graph, Ranges& ranges);
void keep_images_in_floats(const Graph& graph, QuantizationPlan& plan);

}  // namespace tendon
