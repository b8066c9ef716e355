// Why a tensor does not fit an input, and what to do about it.
#pragma once

#include <tendon/tensor_info.h>

#include <string>
#include <string_view>
#include <vector>

namespace tendon {

/// What to do where the shape of `tensor` does not fit `info`, one of `inputs`: swap it with
/// another input that it fits, look at the axis that differs, or reshape it.
std::string shape_advice(const TensorInfo& info, const Tensor& tensor,
                         const std::vector<TensorInfo>& inputs);

/// Throws Error{kBadInput} naming `place` (a file and a sample) and the first input that is missing
/// from `tensors` or does not fit. Tensors that are no inputs do not matter.
void require_fit(const TensorMap& tensors, const std::vector<TensorInfo>& inputs,
                 std::string_view place);

}  // namespace tendon
