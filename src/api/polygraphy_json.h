// Arrays in Polygraphy's JSON form: the base64 text of a .npy file under a class marker.
#pragma once

#include <tendon/tensor.h>

#include <string>
#include <string_view>

#include "base/json.h"

namespace tendon {

/// The key under which Polygraphy names the class of an object.
inline constexpr const char* kPolygraphyClass = "polygraphy_class";

Json json_from_tensor(const Tensor& tensor);
/// Throws Error{kBadInput} naming `name`; torch tensors, which are pickles, are refused.
Tensor tensor_from_json(const Json& value, std::string_view name);

Json json_from_tensor_map(const TensorMap& tensors);
TensorMap tensor_map_from_json(const Json& object, std::string_view name);

}  // namespace tendon
