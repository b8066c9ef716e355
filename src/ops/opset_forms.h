// Which attributes of older opsets became inputs: operators know the newest form only.
#pragma once

#include <tendon/tensor.h>

#include <cstddef>
#include <span>
#include <string_view>

namespace tendon {

/// Attribute `attribute` of `type` is input `input` from opset `since` on. A list becomes a tensor
/// of rank 1, a single value a scalar; where it is absent the input is left out.
struct OpsetForm {
  std::string_view type;
  std::string_view attribute;
  size_t input;
  DataType dtype;
  int since;
};
std::span<const OpsetForm> opset_forms();

}  // namespace tendon
