// Makes the precision of a plan explicit in a graph: QuantizeLinear and DequantizeLinear nodes.
#pragma once

#include "quant/dialect.h"
#include "quant/quantization_plan.h"

namespace tendon {

/// For every INT8 layer of `plan`, in a graph of ONNX operators:
/// x -> Conv(w, b) -> y   ->   x -> Q -> DQ -\        .
///                             w codes -> DQ --> Conv(b') -> y
/// A value gets one Q and DQ however many layers read it: uint8 with scale amax / 255 where it is
/// never negative, else int8 with amax / 127. The weight gets a scale for each output channel. b'
/// makes up for the mean error that rounding the weight causes, where the range knows the means of
/// the input's channels. Sums of convolutions read and make codes as well, so that a residual
/// network stays in 8 bits from one convolution to the next; each summand has its own scale.
/// Then in the form of `dialect`, whose signed codes include what is never negative where it says
/// so.
void quantize(Graph& graph, const QuantizationRequest& request, const QuantizationPlan& plan,
              const Dialect& dialect = kEngineDialect);

}  // namespace tendon
