#include "onnx/attribute_forms.h"

#include "ops/opset_forms.h"

namespace tendon {
namespace {

Tensor tensor_from_attribute(const Attribute& attribute, const OpsetForm& form) {
  if (const auto* list = std::get_if<std::vector<int64_t>>(&attribute)) {
    return cast(Tensor::from<int64_t>(Shape{std::ssize(*list)}, *list), form.dtype);
  }
  if (const auto* value = std::get_if<int64_t>(&attribute)) {
    return cast(Tensor::scalar(*value), form.dtype);
  }
  if (const auto* value = std::get_if<float>(&attribute)) {
    return cast(Tensor::scalar(*value), form.dtype);
  }
  fail_input("attribute '{}' is of kind {}, expected numbers", form.attribute, kind_of(attribute));
}

Attribute attribute_from_tensor(const Tensor& tensor, const OpsetForm& form) {
  if (form.dtype == DataType::kFloat32) {
    if (tensor.size() != 1) fail_input("'{}' is no single number", form.attribute);
    return static_cast<float>(to_doubles(tensor)[0]);
  }
  return to_int64s(tensor);
}

/// Calls `move` for each form of which the node's opset has the attribute.
template <class Move>
void for_each_attribute_form(const OnnxNode& node, Move&& move) {
  if (!node.domain.empty()) return;
  for (const OpsetForm& form : opset_forms()) {
    if (form.type == node.type && node.opset < form.since) move(form);
  }
}

}  // namespace

void move_attributes_to_inputs(OnnxNode& node,
                               const std::function<std::string(Tensor)>& add_constant) {
  for_each_attribute_form(node, [&](const OpsetForm& form) {
    const auto found = node.attributes.find(form.attribute);
    if (found == node.attributes.end()) return;
    if (node.inputs.size() <= form.input) node.inputs.resize(form.input + 1);
    std::string& input = node.inputs[form.input];
    if (!input.empty()) fail_input("has '{}' both as attribute and as input", form.attribute);
    input = add_constant(tensor_from_attribute(found->second, form));
    node.attributes.erase(found);
  });
}

void move_inputs_to_attributes(
    OnnxNode& node, const std::function<const Tensor*(const std::string&)>& find_constant) {
  for_each_attribute_form(node, [&](const OpsetForm& form) {
    if (form.input >= node.inputs.size() || node.inputs[form.input].empty()) return;
    const Tensor* tensor = find_constant(node.inputs[form.input]);
    if (tensor == nullptr) {
      fail(ErrorKind::kUnsupported,
           "computes '{}' while running, which opset {} cannot express; export with opset {} or "
           "above",
           form.attribute, node.opset, form.since);
    }
    node.attributes.emplace(form.attribute, attribute_from_tensor(*tensor, form));
    node.inputs[form.input].clear();
  });
}

}  // namespace tendon
