// ACT's sine table of positions in a feature map.
#pragma once

#include <tendon/tensor.h>

namespace tendon {

/// (rows * columns, hidden), row by row: the first half of the channels tells the row, the second
/// half the column, sines and cosines in turn. Computed in float32 in PyTorch's order, so that it
/// equals what training added. `hidden` is a multiple of 4.
Tensor sine_positions(int64_t hidden, int64_t rows, int64_t columns);

}  // namespace tendon
