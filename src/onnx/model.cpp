// One function a message of onnx.proto; fields that Tendon has no use for are skipped.
#include "onnx/model.h"

#include <tendon/tensor.h>

#include <algorithm>

#include "base/limits.h"
#include "onnx/wire.h"

namespace tendon {
namespace {

/// Far above any ONNX operator; keeps a hostile file from growing in memory.
constexpr int64_t kMaxAttributes = 256;

template <class Element>
void append(std::vector<Element>& elements, Element element, int64_t limit, std::string_view what) {
  if (static_cast<int64_t>(elements.size()) >= limit) {
    fail_input("has more than {} {}, the limit", limit, what);
  }
  elements.push_back(std::move(element));
}

/// Adds "node 12 'conv1'" to what goes wrong inside `read`.
template <class Read>
void read_within(std::string_view what, size_t index, const std::string_view& name, Read&& read) {
  try {
    read();
  } catch (const Error& error) {
    throw error.within(fmt::format("{} {} '{}'", what, index, name));
  }
}

std::pair<std::string_view, std::string_view> read_string_pair(WireReader reader) {
  std::pair<std::string_view, std::string_view> pair;
  for (WireField field; reader.next(field);) {
    switch (field.number) {
      case 1: pair.first = field.text(); break;
      case 2: pair.second = field.text(); break;
      default: break;
    }
  }
  return pair;
}

/// True when a repeated typed-data field holds at least one element.
bool has_elements(const WireField& field) {
  return field.type != WireType::kBytes || !field.content.empty();
}

void read_tensor(WireReader reader, TensorProto& tensor) {
  constexpr uint32_t kFloatData = 4, kInt32Data = 5, kStringData = 6, kInt64Data = 7,
                     kDoubleData = 10, kUint64Data = 11;
  for (WireField field; reader.next(field);) {
    switch (field.number) {
      case 1:
        read_varints(field, [&](uint64_t value) {
          append(tensor.dims, static_cast<int64_t>(value), Shape::kMaxRank, "dimensions");
        });
        break;
      case 2: tensor.data_type = field.small_integer(); break;
      case 3: fail_input("is one segment of a larger tensor; store it whole");
      case kFloatData:
      case kInt32Data:
      case kStringData:
      case kInt64Data:
      case kDoubleData:
      case kUint64Data:
        if (field.number == kStringData || has_elements(field)) {
          if (tensor.typed_field != 0 && tensor.typed_field != field.number) {
            fail_input("holds its elements twice, in fields {} and {}", tensor.typed_field,
                       field.number);
          }
          tensor.typed_field = field.number;
        }
        break;
      case 8: tensor.name = field.text(); break;
      case 9:
        if (tensor.raw_data) fail_input("holds raw_data twice");
        tensor.raw_data = field.bytes();
        break;
      case 13:
        append(tensor.external_data, read_string_pair(WireReader(field)), 16,
               "external_data entries");
        break;
      case 14: tensor.external = field.integer() == 1; break;
      default: break;
    }
  }
  const bool raw = tensor.raw_data && !tensor.raw_data->empty();
  if (raw + (tensor.typed_field != 0) + tensor.external > 1) {
    fail_input(
        "holds its elements twice: only one of raw_data, typed data and external data may be "
        "present");
  }
}

TensorProto read_tensor_field(const WireField& field) {
  TensorProto tensor;
  tensor.message = field.bytes();
  tensor.origin = field.origin;
  read_tensor(WireReader(field), tensor);
  return tensor;
}

AttributeKind kind_of_field(uint32_t number) {
  switch (number) {
    case 2: return AttributeKind::kFloat;
    case 3: return AttributeKind::kInt;
    case 4: return AttributeKind::kString;
    case 5: return AttributeKind::kTensor;
    case 6: return AttributeKind::kGraph;
    case 7: return AttributeKind::kFloats;
    case 8: return AttributeKind::kInts;
    case 9: return AttributeKind::kStrings;
    case 10: return AttributeKind::kTensors;
    case 11: return AttributeKind::kGraphs;
    case 14: return AttributeKind::kTypeProto;
    case 15: return AttributeKind::kTypeProtos;
    case 22: return AttributeKind::kSparseTensor;
    case 23: return AttributeKind::kSparseTensors;
    default: return AttributeKind::kUndefined;
  }
}

void read_graph(WireReader reader, GraphProto& graph, int depth);

void read_attribute(WireReader reader, AttributeProto& attribute, int depth) {
  AttributeKind found = AttributeKind::kUndefined;
  for (WireField field; reader.next(field);) {
    const AttributeKind kind = kind_of_field(field.number);
    if (kind != AttributeKind::kUndefined) {
      if (found != AttributeKind::kUndefined && found != kind) {
        fail_input("holds values of two kinds");
      }
      found = kind;
    }
    switch (field.number) {
      case 1: attribute.name = field.text(); break;
      case 2: attribute.real = field.real(); break;
      case 3: attribute.integer = field.integer(); break;
      case 4: attribute.text = field.raw_text(); break;
      case 5: attribute.tensor = read_tensor_field(field); break;
      case 6: {
        if (depth >= limits().max_nesting) {
          fail_input("nests graphs more than {} deep, the limit", limits().max_nesting);
        }
        auto graph = std::make_shared<GraphProto>();
        read_graph(WireReader(field), *graph, depth + 1);
        attribute.graph = std::move(graph);
        break;
      }
      case 7:
        read_reals<float>(field, [&](float value) { attribute.reals.push_back(value); });
        break;
      case 8:
        read_varints(field, [&](uint64_t value) {
          attribute.integers.push_back(static_cast<int64_t>(value));
        });
        break;
      case 9: attribute.texts.push_back(field.raw_text()); break;
      case 20: attribute.kind = static_cast<AttributeKind>(field.small_integer()); break;
      case 21: attribute.reference = field.text(); break;
      default: break;
    }
  }
  if (attribute.kind == AttributeKind::kUndefined) attribute.kind = found;
  if (found != AttributeKind::kUndefined && found != attribute.kind) {
    fail_input("states kind {} but holds a value of kind {}", static_cast<int>(attribute.kind),
               static_cast<int>(found));
  }
  if (attribute.kind == AttributeKind::kUndefined) fail_input("has neither kind nor value");
  if (!attribute.reference.empty()) {
    if (found != AttributeKind::kUndefined) fail_input("has both a value and a reference");
    return;
  }
  if (attribute.kind == AttributeKind::kTensor && !attribute.tensor) fail_input("has no tensor");
  if (attribute.kind == AttributeKind::kGraph && !attribute.graph) fail_input("has no graph");
}

void read_node(WireReader reader, NodeProto& node, int depth) {
  for (WireField field; reader.next(field);) {
    switch (field.number) {
      case 1: append(node.inputs, field.text(), limits().max_nodes, "inputs"); break;
      case 2: append(node.outputs, field.text(), limits().max_nodes, "outputs"); break;
      case 3: node.name = field.text(); break;
      case 4: node.type = field.text(); break;
      case 5: {
        append(node.attributes, {}, kMaxAttributes, "attributes");
        AttributeProto& attribute = node.attributes.back();
        read_within("attribute", node.attributes.size() - 1, attribute.name,
                    [&] { read_attribute(WireReader(field), attribute, depth); });
        const auto* first =
            &*std::ranges::find(node.attributes, attribute.name, &AttributeProto::name);
        if (first != &attribute) fail_input("has two attributes '{}'", attribute.name);
        break;
      }
      case 7: node.domain = field.text(); break;
      default: break;
    }
  }
}

std::vector<DimProto> read_shape(WireReader reader) {
  std::vector<DimProto> dims;
  for (WireField field; reader.next(field);) {
    if (field.number != 1) continue;
    DimProto dim;
    WireReader inside(field);
    for (WireField part; inside.next(part);) {
      if (part.number == 1) dim.size = part.integer();
      if (part.number == 2) dim.symbol = part.text();
    }
    append(dims, dim, Shape::kMaxRank, "dimensions");
  }
  return dims;
}

void read_type(WireReader reader, ValueInfoProto& value) {
  for (WireField field; reader.next(field);) {
    switch (field.number) {
      case 1: {
        value.kind = "tensor";
        WireReader inside(field);
        for (WireField part; inside.next(part);) {
          if (part.number == 1) value.element_type = part.small_integer();
          if (part.number == 2) value.dims = read_shape(WireReader(part));
        }
        break;
      }
      case 4: value.kind = "sequence"; break;
      case 5: value.kind = "map"; break;
      case 8: value.kind = "sparse tensor"; break;
      case 9: value.kind = "optional"; break;
      default: break;
    }
  }
}

void read_value_info(WireReader reader, ValueInfoProto& value) {
  for (WireField field; reader.next(field);) {
    if (field.number == 1) value.name = field.text();
    if (field.number == 2) read_type(WireReader(field), value);
  }
}

/// The name of a SparseTensorProto is that of its values tensor.
std::string_view read_sparse_name(WireReader reader) {
  std::string_view name;
  for (WireField field; reader.next(field);) {
    if (field.number != 1) continue;
    WireReader inside(field);
    for (WireField part; inside.next(part);) {
      if (part.number == 8) name = part.text();
    }
  }
  return name;
}

template <class Element, class Read>
void read_element(std::vector<Element>& elements, int64_t limit, std::string_view what,
                  std::string_view plural, Read&& read) {
  append(elements, {}, limit, plural);
  Element& element = elements.back();
  read_within(what, elements.size() - 1, element.name, [&] { read(element); });
}

void read_graph(WireReader reader, GraphProto& graph, int depth) {
  const Limits& limit = limits();
  for (WireField field; reader.next(field);) {
    switch (field.number) {
      case 1:
        read_element(graph.nodes, limit.max_nodes, "node", "nodes",
                     [&](NodeProto& node) { read_node(WireReader(field), node, depth); });
        break;
      case 2: graph.name = field.text(); break;
      case 5:
        read_element(graph.initializers, limit.max_initializers, "initializer", "initializers",
                     [&](TensorProto& tensor) {
                       tensor.message = field.bytes();
                       tensor.origin = field.origin;
                       read_tensor(WireReader(field), tensor);
                     });
        break;
      case 11:
        read_element(graph.inputs, limit.max_initializers, "input", "inputs",
                     [&](ValueInfoProto& value) { read_value_info(WireReader(field), value); });
        break;
      case 12:
        read_element(graph.outputs, limit.max_initializers, "output", "outputs",
                     [&](ValueInfoProto& value) { read_value_info(WireReader(field), value); });
        break;
      case 15:
        append(graph.sparse_initializers, read_sparse_name(WireReader(field)),
               limit.max_initializers, "sparse initializers");
        break;
      default: break;
    }
  }
}

std::pair<std::string_view, int64_t> read_opset(WireReader reader) {
  std::pair<std::string_view, int64_t> opset;
  for (WireField field; reader.next(field);) {
    if (field.number == 1) opset.first = field.text();
    if (field.number == 2) opset.second = field.integer();
  }
  if (opset.first == "ai.onnx") opset.first = "";
  return opset;
}

void read_function(WireReader reader, FunctionProto& function) {
  const int64_t most = limits().max_nodes;
  for (WireField field; reader.next(field);) {
    switch (field.number) {
      case 1: function.name = field.text(); break;
      case 4: append(function.inputs, field.text(), most, "inputs"); break;
      case 5: append(function.outputs, field.text(), most, "outputs"); break;
      case 7:
        read_element(function.nodes, most, "node", "nodes",
                     [&](NodeProto& node) { read_node(WireReader(field), node, 0); });
        break;
      case 9: append(function.opsets, read_opset(WireReader(field)), 1000, "opset imports"); break;
      case 10: function.domain = field.text(); break;
      case 11:
        append(function.defaults, {}, kMaxAttributes, "attributes");
        read_attribute(WireReader(field), function.defaults.back(), 0);
        break;
      default: break;
    }
  }
  if (function.domain == "ai.onnx") function.domain = "";
}

}  // namespace

ModelProto read_model(std::span<const std::byte> bytes) {
  if (bytes.size() > limits().max_inline_model_bytes) {
    fail_input("has {} bytes, more than the limit of {}; store the weights as external data",
               bytes.size(), limits().max_inline_model_bytes);
  }
  ModelProto model;
  bool has_graph = false;
  WireReader reader(bytes);
  for (WireField field; reader.next(field);) {
    switch (field.number) {
      case 1: model.ir_version = field.integer(); break;
      case 2: model.producer_name = field.text(); break;
      case 3: model.producer_version = field.text(); break;
      case 7:
        if (has_graph) fail_input("holds two graphs");
        has_graph = true;
        read_graph(WireReader(field), model.graph, 0);
        break;
      case 8: append(model.opsets, read_opset(WireReader(field)), 1000, "opset imports"); break;
      case 14:
        append(model.metadata, read_string_pair(WireReader(field)), limits().max_nodes,
               "metadata entries");
        break;
      case 25:
        read_element(model.functions, limits().max_nodes, "function", "functions",
                     [&](FunctionProto& function) { read_function(WireReader(field), function); });
        break;
      default: break;
    }
  }
  if (model.ir_version <= 0) fail_input("states no IR version");
  if (!has_graph) fail_input("holds no graph");
  return model;
}

TensorProto read_tensor_proto(std::span<const std::byte> bytes) {
  TensorProto tensor;
  tensor.message = bytes;
  tensor.origin = bytes.data();
  read_tensor(WireReader(bytes), tensor);
  return tensor;
}

}  // namespace tendon
