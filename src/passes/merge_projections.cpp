// One product makes tokens and what the first attention reads of them: f w_p and (f w_p) w_qkv are
// columns of f [w_p | w_p w_qkv].
#include <algorithm>
#include <cmath>
#include <set>

#include "passes/passes.h"
#include "passes/quantized.h"
#include "passes/row_product.h"
#include "passes/view.h"

namespace tendon {
namespace {

/// Products of floats may make so much of the tokens whose reader is a product of codes.
constexpr int64_t kLeastShare = 8;
/// Multiply-adds that one product may do beyond those of two: a launch takes a GPU as long.
constexpr double kMostExtra = 64e6;

/// An operand of the Concat that makes the tokens.
struct TokenPart {
  ValueId value = kNone;
  int64_t first = 0;                  ///< its first row, along the Concat's axis
  std::optional<RowProduct> product;  ///< else it is constant
  std::vector<NodeId> views;          ///< between the product's result and the operand
  NodeId node = kNone;                ///< that makes the product
};

/// Tokens that a Concat makes, their parts, and all that reads them.
struct Tokens {
  ValueId value = kNone;
  int axis = 0;
  std::vector<TokenPart> parts;
  RowProduct product;  ///< of which attentions read columns
  std::set<NodeId> attentions;
  std::set<NodeId> residual_readers;
};

Tensor product(const Tensor& a, const Tensor& b) { return FusedMatMul{}.reference({{a, b}})[0]; }
Tensor sum(const Tensor& a, const Tensor& b) {
  return Binary{BinaryKind::kAdd}.reference({{a, b}})[0];
}

Tensor expanded(const Tensor& tensor, const Shape& shape) {
  const std::vector<int64_t> dims(shape.begin(), shape.end());
  return Expand{}.reference({{tensor, Tensor::from<int64_t>(Shape{shape.rank()}, dims)}})[0];
}

/// Both side by side, with the rows of `right`.
Tensor side_by_side(const Tensor& left, const Tensor& right) {
  Shape rows = right.shape();
  rows[rows.rank() - 1] = left.shape().back();
  return Concat{.axis = -1}.reference({{expanded(left, rows), right}})[0];
}

/// `count` rows from `first` along `axis`; all where they are one for all.
Tensor rows_of(const Tensor& tensor, int axis, int64_t first, int64_t count) {
  if (tensor.shape()[axis] == 1) return tensor;
  const auto number = [](int64_t value) { return Tensor::from<int64_t>(Shape{1}, {value}); };
  return Slice{}.reference({{tensor, number(first), number(first + count), number(axis)}})[0];
}

/// Whether the node moves rows of `columns` elements as they are.
bool moves_rows(const Graph& graph, const Node& node, int64_t columns) {
  if (!is_view_node(node) || graph.shape(node.inputs[0]).back() != columns ||
      graph.shape(node.outputs[0]).back() != columns) {
    return false;
  }
  const auto* transpose = std::get_if<Transpose>(&node.op);
  if (transpose == nullptr) return true;
  const int rank = graph.shape(node.inputs[0]).rank();
  return transpose->permutation(rank).back() == rank - 1;
}

/// Adds what makes `id`, which is `first` rows into the tokens. False where it is neither constant
/// nor a product that nothing else reads.
bool add_parts(const Graph& graph, ValueId id, int axis, int64_t first,
               std::vector<TokenPart>& parts) {
  TokenPart part{.value = id, .first = first};
  if (graph.is_constant(id)) {
    parts.push_back(std::move(part));
    return true;
  }
  if (sole_reader(graph, id) == kNone) return false;
  if (const auto* concat = graph.producer_op<Concat>(id)) {
    if (normalize_axis(concat->axis, graph.shape(id).rank()) != axis) return false;
    for (const ValueId input : graph.producer(id)->inputs) {
      if (!add_parts(graph, input, axis, first, parts)) return false;
      first += graph.shape(input)[axis];
    }
    return true;
  }
  const int64_t columns = graph.shape(id).back();
  ValueId made = id;
  for (NodeId at = graph.value(made).producer; at != kNone; at = graph.value(made).producer) {
    if (sole_reader(graph, made) == kNone) return false;
    const Node& node = graph.node(at);
    if (moves_rows(graph, node, columns)) {
      part.views.insert(part.views.begin(), at);
      made = node.inputs[0];
      continue;
    }
    part.product = row_product(graph, node);
    part.node = at;
    break;
  }
  if (!part.product || part.product->weight.shape()[1] != columns) return false;
  const ValueId bias = part.product->bias;
  if (bias != kNone && (!graph.is_constant(bias) || graph.shape(bias).element_count() != columns)) {
    return false;
  }
  parts.push_back(std::move(part));
  return true;
}

/// Whether the node adds `id`, and reads it nowhere else.
bool adds_alone(const Node& node, ValueId id) {
  const bool codes = std::holds_alternative<QuantizedNormalizedMatMul>(node.op);
  if (!codes && !std::holds_alternative<NormalizedMatMul>(node.op)) return false;
  return input_of(node, codes ? 4 : 3) == id && std::ranges::count(node.inputs, id) == 1;
}

/// Whether one product takes no longer than two, and none of floats takes the place of one of
/// codes.
bool pays(const Graph& graph, const Tokens& tokens) {
  const Shape& shape = graph.shape(tokens.value);
  const int64_t made = shape.back();
  const int64_t read = tokens.product.weight.shape()[1];
  double apart = static_cast<double>(shape.element_count() * read);
  double together = 0;
  int64_t of_floats = 0;
  for (const TokenPart& part : tokens.parts) {
    if (!part.product) continue;
    const int64_t rows = graph.shape(part.value).element_count() / made;
    const auto factors = static_cast<double>(rows * part.product->weight.shape()[0]);
    apart += factors * static_cast<double>(made);
    together += factors * static_cast<double>(made + read);
    if (part.product->of_codes() != tokens.product.of_codes()) of_floats += rows;
  }
  return together > 0 && together <= apart + kMostExtra &&
         of_floats * kLeastShare <= shape.element_count() / made;
}

/// Tokens that the product at `id` reads, if nothing is in the way.
std::optional<Tokens> tokens_of(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  const ValueId x = input_of(node, 0);
  const ValueId read = node.outputs[0];
  if (x == kNone || read == kNone || graph.is_output(read)) return std::nullopt;
  const auto quantize = quantizer(graph, graph.value(x).producer);
  const NodeId reader = quantize ? quantize->node : id;
  Tokens tokens{.value = quantize ? graph.node(reader).inputs[0] : x};
  const auto* concat = graph.producer_op<Concat>(tokens.value);
  const Shape& shape = graph.shape(tokens.value);
  if (concat == nullptr || graph.is_output(tokens.value)) return std::nullopt;
  tokens.axis = normalize_axis(concat->axis, shape.rank());
  if (tokens.axis == shape.rank() - 1) return std::nullopt;
  const auto product = matmul_rows(graph, node);
  if (!product || product->of_codes() != quantize.has_value() ||
      (product->bias != kNone && !graph.is_constant(product->bias))) {
    return std::nullopt;
  }
  tokens.product = *product;
  if (quantize) {
    if (sole_reader(graph, x) == kNone) return std::nullopt;
    const std::vector<double> per_unit(1, 1 / static_cast<double>(quantize->scale));
    tokens.product.weight = scaled_columns(std::move(tokens.product.weight), per_unit);
  }
  for (const NodeId of : graph.value(read).readers) {
    if (!std::holds_alternative<Attention>(graph.node(of).op)) return std::nullopt;
    tokens.attentions.insert(of);
  }
  for (const NodeId of : graph.value(tokens.value).readers) {
    if (of == reader) continue;
    if (!adds_alone(graph.node(of), tokens.value)) return std::nullopt;
    tokens.residual_readers.insert(of);
  }
  int64_t first = 0;
  for (const ValueId input : graph.producer(tokens.value)->inputs) {
    if (!add_parts(graph, input, tokens.axis, first, tokens.parts)) return std::nullopt;
    first += graph.shape(input)[tokens.axis];
  }
  if (!pays(graph, tokens)) return std::nullopt;
  return tokens;
}

/// int8 [k, n] and float32 [n].
struct WeightCodes {
  Tensor weight, scale;
};

/// 8-bit weights; the first columns are codes by `known` scales already.
WeightCodes weight_codes(const Tensor& weight, std::span<const double> known) {
  constexpr double kMost = 127;
  const auto values = weight.data<double>();
  const auto columns = static_cast<size_t>(weight.shape()[1]);
  std::vector<double> largest(columns);
  for (size_t i = 0; i < values.size(); ++i) {
    largest[i % columns] = std::max(largest[i % columns], std::fabs(values[i]));
  }
  std::vector<float> scales;
  for (size_t i = 0; i < columns; ++i) {
    const double scale = i < known.size() ? known[i] : largest[i] / kMost;
    scales.push_back(scale > 0 ? static_cast<float>(scale) : 1.0f);
  }
  Tensor codes(DataType::kInt8, weight.shape());
  const auto to = codes.mutable_data<int8_t>();
  for (size_t i = 0; i < values.size(); ++i) {
    const double code = std::nearbyint(values[i] / static_cast<double>(scales[i % columns]));
    to[i] = static_cast<int8_t>(std::clamp(code, -kMost, kMost));
  }
  return {codes, Tensor::from<float>(Shape{static_cast<int64_t>(columns)}, scales)};
}

class Merge {
 public:
  Merge(Graph& graph, NodeId id, Tokens tokens)
      : graph_(graph), node_(graph.node(id)), tokens_(std::move(tokens)), edit_(graph) {
    const Shape& shape = graph.shape(tokens_.value);
    rank_ = shape.rank();
    made_ = shape.back();
    dtype_ = graph.type(tokens_.value).dtype;
    if (tokens_.product.bias != kNone) bias_ = with_rank(in_doubles(graph, tokens_.product.bias));
  }

  void apply() {
    std::vector<ValueId> parts;
    for (const TokenPart& part : tokens_.parts) {
      parts.push_back(merged(part));
      if (part.product) edit_.take_place(parts.back(), part.node);
    }
    const std::string& name = graph_.producer(tokens_.value)->name;
    const ValueId whole = edit_.add_node(Concat{.axis = tokens_.axis}, parts, name);
    for (const NodeId id : tokens_.attentions) read_columns(id, whole);
    for (const NodeId id : tokens_.residual_readers) {
      const Node& reader = graph_.node(id);
      const auto at = std::ranges::find(reader.inputs, tokens_.value) - reader.inputs.begin();
      edit_.set_input(id, static_cast<size_t>(at), whole);
    }
    edit_.apply();
  }

 private:
  Tensor with_rank(const Tensor& tensor) const {
    Shape shape;
    for (int i = tensor.shape().rank(); i < rank_; ++i) shape.push_back(1);
    for (const int64_t size : tensor.shape()) shape.push_back(size);
    return tensor.reshaped(shape);
  }

  /// What is added to `rows` times the reader's weight, which make a part.
  Tensor read_of(const TokenPart& part, const Tensor& rows) const {
    const Tensor read = product(rows, tokens_.product.weight);
    if (!bias_.defined()) return read;
    const int64_t count = graph_.shape(part.value)[tokens_.axis];
    return sum(read, rows_of(bias_, tokens_.axis, part.first, count));
  }

  ValueId merged(const TokenPart& part) {
    if (!part.product) {
      const Tensor rows = in_doubles(graph_, part.value);
      const Shape& shape = rows.shape();
      Tensor read = read_of(part, rows);
      Shape all = shape;
      all[rank_ - 1] = read.shape().back();
      return edit_.add_constant(cast(side_by_side(rows, expanded(read, all)), dtype_),
                                graph_.value(part.value).name + ".merged");
    }
    const RowProduct& own = *part.product;
    const std::string& name = graph_.node(part.node).name;
    const Tensor weight = side_by_side(own.weight, product(own.weight, tokens_.product.weight));
    const Tensor row =
        own.bias == kNone
            ? Tensor::from<double>(Shape{made_}, std::vector<double>(static_cast<size_t>(made_)))
            : in_doubles(graph_, own.bias).reshaped({made_});
    const Tensor rows = with_rank(row);
    const Tensor sums = side_by_side(rows, read_of(part, rows));
    const DataType type = own.of_codes() ? DataType::kFloat32 : dtype_;
    const ValueId bias = edit_.add_constant(cast(sums, type), name + ".biases");
    const ValueId x = moved(part);
    if (!own.of_codes()) {
      const ValueId factors = edit_.add_constant(cast(weight, dtype_), name + ".weights");
      return edit_.add_node(FusedMatMul{}, {x, factors, bias}, name);
    }
    const WeightCodes codes = weight_codes(weight, own.scales);
    return edit_.add_node(QuantizedMatMul{},
                          {x, edit_.add_constant(codes.weight, name + ".weights"),
                           edit_.add_constant(codes.scale, name + ".scales"), bias},
                          name);
  }

  /// The product's rows as its result was moved to make the part.
  ValueId moved(const TokenPart& part) {
    ValueId x = part.product->x;
    const int64_t columns = graph_.shape(x).back();
    for (const NodeId id : part.views) {
      const Node& view = graph_.node(id);
      if (const auto* transpose = std::get_if<Transpose>(&view.op)) {
        x = add_transpose(edit_, x, transpose->permutation(graph_.shape(view.inputs[0]).rank()),
                          view.name);
        continue;
      }
      Shape shape = graph_.shape(view.outputs[0]);
      shape[shape.rank() - 1] = columns;
      x = add_reshape(edit_, x, shape, view.name);
    }
    return x;
  }

  void read_columns(NodeId id, ValueId whole) {
    const Node& node = graph_.node(id);
    Attention reading = std::get<Attention>(node.op);
    reading.width = reading.width_of(graph_.shape(node.inputs[0]));
    std::vector<ValueId> inputs = node.inputs;
    int64_t Attention::*const columns[] = {&Attention::q_column, &Attention::k_column,
                                           &Attention::v_column};
    for (size_t i = 0; i < std::size(columns); ++i) {
      if (inputs[i] != node_.outputs[0]) continue;
      inputs[i] = whole;
      reading.*columns[i] += made_;
    }
    edit_.replace(node.outputs[0], edit_.add_node(reading, std::move(inputs), node.name));
  }

  Graph& graph_;
  const Node node_;
  const Tokens tokens_;
  GraphEdit edit_;
  int rank_ = 0;
  int64_t made_ = 0;  ///< columns of the tokens
  DataType dtype_ = DataType::kFloat32;
  Tensor bias_;
};

}  // namespace

bool merge_projections(Graph& graph) {
  return rewrite_nodes(graph, [&](NodeId id) {
    auto tokens = tokens_of(graph, id);
    if (!tokens) return false;
    Merge(graph, id, *std::move(tokens)).apply();
    return true;
  });
}

}  // namespace tendon
