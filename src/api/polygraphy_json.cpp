// Arrays in Polygraphy's JSON form.
#include "api/polygraphy_json.h"

#include "base/base64.h"
#include "base/byte_reader.h"
#include "base/npy.h"

namespace tendon {
Json json_from_tensor(const Tensor& tensor) {
  std::string file = npy_header(tensor.type());
  file.append(static_cast<const char*>(tensor.raw()), tensor.byte_size());
  return {{"array", base64_from_bytes(file)}, {kPolygraphyClass, "ndarray"}};
}

Tensor tensor_from_json(const Json& value, std::string_view name) {
  const std::string kind = json_string(json_member(value, kPolygraphyClass, name), name);
  if (kind == "Tensor") {
    fail_input("{}: a torch tensor, which is a pickle and is not read; save numpy arrays", name);
  }
  // Polygraphy wraps outputs, not inputs, in a second object.
  if (kind == "LazyArray" || kind == "LazyNumpyArray") {
    return tensor_from_json(json_member(value, "values", name), name);
  }
  if (kind != "ndarray") {
    fail_input("{}: an object of class '{}'; expected 'ndarray'", name, kind);
  }
  const std::string file =
      bytes_from_base64(json_string(json_member(value, "array", name), name), name);
  return parse_npy(bytes_of(file), name);
}

Json json_from_tensor_map(const TensorMap& tensors) {
  Json object = Json::object();
  for (const auto& [name, tensor] : tensors) object[name] = json_from_tensor(tensor);
  return object;
}

TensorMap tensor_map_from_json(const Json& object, std::string_view name) {
  if (!object.is_object()) fail_input("{}: expected an object of named arrays", name);
  TensorMap tensors;
  for (const auto& [key, value] : object.items()) {
    tensors[key] = tensor_from_json(value, fmt::format("{}, array '{}'", name, key));
  }
  return tensors;
}

}  // namespace tendon
