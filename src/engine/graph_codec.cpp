// Writing and reading of graphs, value by value.
#include "engine/graph_codec.h"

#include <algorithm>
#include <cstring>

#include "base/byte_reader.h"
#include "base/checksum.h"
#include "base/limits.h"
#include "engine/file_format.h"
#include "quant/narrow_weights.h"

namespace tendon::engine_file {
namespace {

/// Smaller tensors are not worth a copy when they are read.
constexpr int64_t kLeastNarrowed = 1024;

std::span<const std::byte> bytes_of_tensor(const Tensor& tensor) {
  return {static_cast<const std::byte*>(tensor.raw()), tensor.byte_size()};
}

class GraphWriter {
 public:
  GraphWriter(const Graph& graph, WeightsWriter& weights) : graph_(graph), weights_(weights) {}

  std::string write() {
    text(graph_.name);
    number<uint32_t>(graph_.metadata.size());
    for (const auto& [key, value] : graph_.metadata) {
      text(key);
      text(value);
    }
    number<uint32_t>(graph_.inputs().size());
    for (const GraphInput& input : graph_.inputs()) {
      define(input.value);
      text(graph_.value(input.value).name);
      number<uint8_t>(static_cast<uint8_t>(input.dtype));
      number<uint8_t>(input.dims.size());
      for (const Dim& dim : input.dims) {
        number<int64_t>(dim.size);
        text(dim.symbol);
      }
    }
    const std::vector<ValueId> constants = used_constants();
    number<uint32_t>(constants.size());
    for (const ValueId id : constants) {
      define(id);
      text(graph_.value(id).name);
      tensor(*graph_.value(id).constant);
    }
    const std::vector<NodeId> order = graph_.topological_order();
    number<uint32_t>(order.size());
    for (const NodeId id : order) node(graph_.node(id));
    number<uint32_t>(graph_.outputs().size());
    for (const ValueId id : graph_.outputs()) number<int32_t>(numbers_.at(id));
    return std::move(bytes_);
  }

 private:
  template <class T>
  void number(auto value) {
    const auto narrowed = static_cast<T>(value);
    bytes_.append(reinterpret_cast<const char*>(&narrowed), sizeof(T));
  }
  void text(std::string_view value) {
    number<uint32_t>(value.size());
    bytes_.append(value);
  }
  void define(ValueId id) { numbers_.emplace(id, next_number_++); }

  void tensor(const Tensor& value) {
    number<uint8_t>(static_cast<uint8_t>(value.dtype()));
    number<uint8_t>(value.rank());
    for (const int64_t dim : value.shape()) number<int64_t>(dim);
    const WeightsWriter::Place place = weights_.add(value);
    number<uint8_t>(static_cast<uint8_t>(place.stored));
    number<uint64_t>(place.offset);
  }

  std::vector<ValueId> used_constants() const {
    std::vector<ValueId> ids;
    for (size_t i = 0; i < graph_.values().size(); ++i) {
      const auto id = static_cast<ValueId>(i);
      if (graph_.is_constant(id) && graph_.use_count(id) > 0) ids.push_back(id);
    }
    return ids;
  }

  void attribute(const Attribute& value) {
    number<uint8_t>(value.index());
    std::visit(
        [&](const auto& held) {
          using T = std::decay_t<decltype(held)>;
          if constexpr (std::is_arithmetic_v<T>) {
            number<T>(held);
          } else if constexpr (std::is_same_v<T, std::string>) {
            text(held);
          } else if constexpr (std::is_same_v<T, Tensor>) {
            number<uint8_t>(held.defined() ? 1 : 0);
            if (held.defined()) tensor(held);
          } else {
            number<uint32_t>(held.size());
            for (const auto& element : held) {
              if constexpr (std::is_same_v<T, std::vector<std::string>>) {
                text(element);
              } else {
                number<std::decay_t<decltype(element)>>(element);
              }
            }
          }
        },
        value);
  }

  void node(const Node& node) {
    text(node.name);
    text(domain_of(node.op));
    text(type_of(node.op));
    const Attributes attributes = attributes_of(node.op);
    number<uint32_t>(attributes.size());
    for (const auto& [name, value] : attributes) {
      text(name);
      attribute(value);
    }
    number<uint32_t>(node.inputs.size());
    for (const ValueId id : node.inputs) number<int32_t>(id == kNone ? kNone : numbers_.at(id));
    number<uint32_t>(node.outputs.size());
    for (const ValueId id : node.outputs) {
      if (id == kNone) {
        ++next_number_;
        text("");
      } else {
        define(id);
        text(graph_.value(id).name);
      }
    }
  }

  const Graph& graph_;
  WeightsWriter& weights_;
  std::string bytes_;
  std::map<ValueId, int32_t> numbers_;
  int32_t next_number_ = 0;
};

class GraphReader {
 public:
  GraphReader(std::span<const std::byte> bytes, std::string_view name, const WeightsReader& weights,
              uint32_t version)
      : reader_(bytes, name), name_(name), weights_(weights), version_(version) {}

  Graph read() {
    graph_.name = text();
    for (uint32_t i = count("metadata entries", limits().max_nodes); i > 0; --i) {
      std::string key = text();
      graph_.metadata[std::move(key)] = text();
    }
    for (uint32_t i = count("inputs", limits().max_nodes); i > 0; --i) input();
    for (uint32_t i = count("constants", limits().max_initializers); i > 0; --i) {
      std::string value_name = text();
      graph_.add_constant(tensor(), std::move(value_name));
    }
    for (uint32_t i = count("nodes", limits().max_nodes); i > 0; --i) node();
    for (uint32_t i = count("outputs", limits().max_nodes); i > 0; --i) {
      graph_.add_output(value_id(false));
    }
    if (reader_.remaining() != 0) {
      fail_input("{}: {} bytes follow the graph at offset {}", name_, reader_.remaining(),
                 reader_.offset());
    }
    return std::move(graph_);
  }

 private:
  uint32_t count(std::string_view what, int64_t limit) {
    const size_t place = reader_.offset();
    const auto number = reader_.read<uint32_t>();
    if (number > limit || number > reader_.remaining()) {
      fail_input("{}: {} {} at offset {}, more than the limit of {} or than {} bytes can hold",
                 name_, number, what, place, limit, reader_.remaining());
    }
    return number;
  }
  std::string text() {
    return std::string(
        reader_.take_text(count("characters", static_cast<int64_t>(limits().max_string_bytes))));
  }
  DataType data_type() {
    const size_t place = reader_.offset();
    const auto number = reader_.read<uint8_t>();
    if (number >= kDataTypeCount) {
      fail_input("{}: unknown data type {} at offset {}", name_, number, place);
    }
    return static_cast<DataType>(number);
  }
  ValueId value_id(bool may_be_absent) {
    const size_t place = reader_.offset();
    const auto id = reader_.read<int32_t>();
    const auto known = static_cast<int32_t>(graph_.values().size());
    if ((id < 0 && !(may_be_absent && id == kNone)) || id >= known) {
      fail_input("{}: value {} at offset {}, but only {} are made before", name_, id, place, known);
    }
    return id;
  }
  uint8_t rank() {
    const size_t place = reader_.offset();
    const auto number = reader_.read<uint8_t>();
    if (number > Shape::kMaxRank) {
      fail_input("{}: rank {} at offset {}, at most {} is allowed", name_, number, place,
                 Shape::kMaxRank);
    }
    return number;
  }
  Tensor tensor() {
    TensorType type;
    type.dtype = data_type();
    for (uint8_t i = rank(); i > 0; --i) type.shape.push_back(reader_.read<int64_t>());
    const DataType stored = version_ == 1 ? type.dtype : data_type();
    return weights_.at(type, {stored, reader_.read<uint64_t>()});
  }
  void input() {
    std::string value_name = text();
    const DataType dtype = data_type();
    std::vector<Dim> dims;
    for (uint8_t i = rank(); i > 0; --i) {
      const auto size = reader_.read<int64_t>();
      if (size < -1) fail_input("{}: input '{}' has the dimension {}", name_, value_name, size);
      dims.push_back({size, text()});
    }
    graph_.add_input(std::move(value_name), dtype, std::move(dims));
  }

  template <class T>
  std::vector<T> list() {
    std::vector<T> values;
    for (uint32_t i = count("elements", static_cast<int64_t>(limits().max_string_bytes)); i > 0;
         --i) {
      if constexpr (std::is_same_v<T, std::string>) {
        values.push_back(text());
      } else {
        values.push_back(reader_.read<T>());
      }
    }
    return values;
  }
  Attribute attribute() {
    const size_t place = reader_.offset();
    const auto kind = reader_.read<uint8_t>();
    switch (kind) {
      case 0: return reader_.read<int64_t>();
      case 1: return reader_.read<float>();
      case 2: return text();
      case 3: return reader_.read<uint8_t>() == 0 ? Tensor() : tensor();
      case 4: return list<int64_t>();
      case 5: return list<float>();
      case 6: return list<std::string>();
      default: fail_input("{}: unknown kind of attribute {} at offset {}", name_, kind, place);
    }
  }

  void node() {
    OnnxNode onnx;
    onnx.name = text();
    onnx.domain = text();
    onnx.type = text();
    for (uint32_t i = count("attributes", limits().max_nodes); i > 0; --i) {
      std::string attribute_name = text();
      onnx.attributes[std::move(attribute_name)] = attribute();
    }
    std::optional<Op> op = op_from_onnx(onnx);
    if (!op) {
      fail(ErrorKind::kUnsupported,
           "{}: operator '{}{}{}' of node '{}' is unknown to this version; build the engine again",
           name_, onnx.domain, onnx.domain.empty() ? "" : ".", onnx.type, onnx.name);
    }
    std::vector<ValueId> inputs;
    for (uint32_t i = count("inputs", limits().max_nodes); i > 0; --i) {
      inputs.push_back(value_id(true));
    }
    std::vector<std::string> outputs;
    for (uint32_t i = count("outputs", limits().max_nodes); i > 0; --i) outputs.push_back(text());
    if (outputs.empty()) fail_input("{}: node '{}' has no outputs", name_, onnx.name);
    graph_.add_node(std::move(*op), std::move(inputs), std::move(outputs), onnx.name);
  }

  ByteReader reader_;
  std::string_view name_;
  const WeightsReader& weights_;
  uint32_t version_;
  Graph graph_;
};

}  // namespace

WeightsWriter::Place WeightsWriter::add(const Tensor& tensor) {
  if (tensor.dtype() == DataType::kFloat32 && tensor.size() >= kLeastNarrowed) {
    const Tensor narrow = exact_float16(tensor);
    if (narrow.defined()) return {narrow.dtype(), offset_of(narrow)};
  }
  return {tensor.dtype(), offset_of(tensor)};
}

uint64_t WeightsWriter::offset_of(const Tensor& tensor) {
  const auto bytes = bytes_of_tensor(tensor);
  const std::pair key(crc32c(bytes), bytes.size());
  const auto [begin, end] = known_.equal_range(key);
  for (auto entry = begin; entry != end; ++entry) {
    if (std::ranges::equal(bytes_of_tensor(tensors_[entry->second.index]), bytes)) {
      return entry->second.offset;
    }
  }
  const uint64_t offset = size_;
  known_.emplace(key, Placed{offset, tensors_.size()});
  tensors_.push_back(tensor);
  size_ = aligned(offset + bytes.size());
  return offset;
}

Tensor WeightsReader::at(const TensorType& type, WeightsWriter::Place place) const {
  Tensor stored = view({place.stored, type.shape}, place.offset);
  if (contents_ != nullptr && stored.byte_size() > 0) {
    const auto part = contents_->part_at(stored.raw());
    if (!part || stored.byte_size() != contents_->bytes(*part).size()) {
      fail_input("a tensor of type {} at offset {} of the weights is no part of that section", type,
                 place.offset);
    }
    if (stored.byte_size() <= kMostChecked || place.stored != type.dtype) contents_->check(*part);
  }
  if (place.stored == type.dtype) return stored;
  if (type.dtype != DataType::kFloat32 || place.stored != DataType::kFloat16) {
    fail_input("a tensor of type {} at offset {} of the weights is stored as {}", type,
               place.offset, place.stored);
  }
  Tensor wide(type.dtype, type.shape);
  std::ranges::copy(stored.data<Float16>(), wide.mutable_data<float>().begin());
  return wide;
}

Tensor WeightsReader::view(const TensorType& type, uint64_t offset) const {
  const auto count = static_cast<uint64_t>(type.shape.element_count());
  if (offset % kSectionAlignment != 0 || offset > section_.size() ||
      count > (section_.size() - offset) / size_of(type.dtype)) {
    fail_input("a tensor of type {} at offset {} does not lie in the weights section of {} bytes",
               type, offset, section_.size());
  }
  const std::byte* bytes = section_.data() + offset;
  if (type.dtype == DataType::kBool &&
      std::any_of(bytes, bytes + count, [](std::byte byte) { return byte > std::byte{1}; })) {
    fail_input("a bool tensor at offset {} of the weights holds more than 0 and 1", offset);
  }
  return Tensor::view(type.dtype, type.shape, bytes, owner_);
}

std::string encode_graph(const Graph& graph, WeightsWriter& weights) {
  return GraphWriter(graph, weights).write();
}

Graph decode_graph(std::span<const std::byte> bytes, std::string_view name,
                   const WeightsReader& weights, uint32_t version) {
  return GraphReader(bytes, name, weights, version).read();
}

}  // namespace tendon::engine_file
