// NaN and infinity in tensors that come from outside.
#pragma once

#include <tendon/tensor.h>

namespace tendon {

/// Throws Error{kBadInput} with the index of the first NaN, or of the first infinity where
/// `infinities` are refused too. Tensors of integers always pass.
void require_finite(const Tensor& tensor, bool infinities);

}  // namespace tendon
