// An ONNX model as its file states it: plain structs whose strings and weights view the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tendon {

using StringPairs = std::vector<std::pair<std::string_view, std::string_view>>;

/// A tensor's head; the elements stay in the file until tensor_from_proto reads them.
struct TensorProto {
  std::string_view name;
  std::vector<int64_t> dims;
  int32_t data_type = 0;
  /// The whole message, read again for typed data.
  std::span<const std::byte> message;
  const std::byte* origin = nullptr;
  std::optional<std::span<const std::byte>> raw_data;
  /// Number of the typed-data field that holds elements, 0 for none.
  uint32_t typed_field = 0;
  bool external = false;
  /// location, offset, length, …
  StringPairs external_data;
};

/// Values of AttributeProto.type.
enum class AttributeKind : int32_t {
  kUndefined = 0,
  kFloat = 1,
  kInt = 2,
  kString = 3,
  kTensor = 4,
  kGraph = 5,
  kFloats = 6,
  kInts = 7,
  kStrings = 8,
  kTensors = 9,
  kGraphs = 10,
  kSparseTensor = 11,
  kSparseTensors = 12,
  kTypeProto = 13,
  kTypeProtos = 14,
};

struct GraphProto;

struct AttributeProto {
  std::string_view name;
  AttributeKind kind = AttributeKind::kUndefined;
  float real = 0;
  int64_t integer = 0;
  std::string_view text;
  std::optional<TensorProto> tensor;
  std::vector<float> reals;
  std::vector<int64_t> integers;
  std::vector<std::string_view> texts;
  std::shared_ptr<const GraphProto> graph;
  /// Inside a function: the attribute of the call whose value this one takes; else empty.
  std::string_view reference;
};

struct NodeProto {
  std::string_view name;
  std::string_view type;
  std::string_view domain;
  std::vector<std::string_view> inputs;
  std::vector<std::string_view> outputs;
  std::vector<AttributeProto> attributes;
  /// The version of its domain where it came from a function; else the model's counts.
  std::optional<int64_t> opset;
};

struct DimProto {
  std::optional<int64_t> size;
  std::string_view symbol;
};

struct ValueInfoProto {
  std::string_view name;
  /// "tensor", "sequence", "map", "optional", "sparse tensor" or "" where no type is stated.
  std::string_view kind;
  int32_t element_type = 0;
  std::optional<std::vector<DimProto>> dims;
};

struct GraphProto {
  std::string_view name;
  std::vector<NodeProto> nodes;
  std::vector<TensorProto> initializers;
  std::vector<ValueInfoProto> inputs;
  std::vector<ValueInfoProto> outputs;
  /// Names of sparse initializers, which Tendon refuses where they are used.
  std::vector<std::string_view> sparse_initializers;
};

/// An operator that the model defines by a graph of others.
struct FunctionProto {
  std::string_view name;
  std::string_view domain;
  std::vector<std::string_view> inputs;
  std::vector<std::string_view> outputs;
  std::vector<NodeProto> nodes;
  std::vector<std::pair<std::string_view, int64_t>> opsets;
  /// Attributes that a call may leave out, with their values.
  std::vector<AttributeProto> defaults;
};

struct ModelProto {
  int64_t ir_version = 0;
  std::string_view producer_name;
  std::string_view producer_version;
  GraphProto graph;
  /// Domain ("" is ONNX's own) and version.
  std::vector<std::pair<std::string_view, int64_t>> opsets;
  StringPairs metadata;
  std::vector<FunctionProto> functions;
  /// Names that are in no file, such as those of values inside a function call.
  std::deque<std::string> made_names;
};

/// Reads a model. The result views `bytes`. Throws Error{kBadInput} naming the place for anything
/// damaged, repeated where it must be single, or above the limits of base/limits.h.
ModelProto read_model(std::span<const std::byte> bytes);
/// Reads a single TensorProto, as files of test data hold them.
TensorProto read_tensor_proto(std::span<const std::byte> bytes);

}  // namespace tendon
