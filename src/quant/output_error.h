// What quantising a value does to the outputs of the layers that read it.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "quant/samples.h"

namespace tendon {

/// The error for the range [-amax, amax]: the sum over the readers of squared error by squared
/// output.
using OutputError = std::function<double(double amax)>;

/// Of `source` with that many codes above 0; empty where no consumer has rows of it. `consumers`
/// and `samples` must outlive the result.
OutputError output_error(std::span<const Consumer> consumers, const RowSamples& samples,
                         const std::string& source, int levels);

}  // namespace tendon
