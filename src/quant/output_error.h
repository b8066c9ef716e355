// What quantising a value does to the outputs of the layers that read it.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>

#include "quant/samples.h"

namespace tendon {

/// By source: the error of its readers' outputs for the range [-amax, amax], as the sum over the
/// readers of squared error by squared output.
using OutputErrors = std::map<std::string, std::function<double(double amax)>, std::less<>>;

/// For every source that some consumer has rows of. `levels` tells the codes above 0 of a source.
/// `consumers` and `samples` must outlive the result.
OutputErrors output_errors(std::span<const Consumer> consumers, const RowSamples& samples,
                           const std::function<int(const std::string& source)>& levels);

}  // namespace tendon
