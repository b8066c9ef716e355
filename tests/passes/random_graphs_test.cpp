// Random small graphs through all passes, with the numeric self-check after each.
#include <chrono>
#include <cstdlib>
#include <random>

#include "passes/pipeline.h"
#include "support/rewrites.h"

namespace tendon {
namespace {

constexpr int64_t kMaxElements = 600;
constexpr int kNodes = 25;

/// Grows a graph node by node; a node whose shapes do not fit is left out.
class RandomGraph {
 public:
  explicit RandomGraph(uint64_t seed) : random_(seed) {
    for (const Shape& shape : {Shape{2, 3, 4, 4}, Shape{4, 2, 6}, Shape{4, 6}}) {
      std::vector<Dim> dims;
      for (const int64_t dim : shape) dims.push_back({dim, ""});
      pool_.push_back(
          graph_.add_input("x" + std::to_string(pool_.size()), DataType::kFloat32, dims));
    }
    for (int i = 0; i < kNodes; ++i) add_random_node();
    for (int i = 0; i < 3; ++i) {
      const ValueId value = pool_[pool_.size() - 1 - below(std::min<size_t>(pool_.size(), 6))];
      if (!graph_.is_output(value) && !graph_.is_input(value)) graph_.add_output(value);
    }
    infer_shapes(graph_);
  }

  const Graph& graph() const { return graph_; }

 private:
  size_t below(size_t n) { return static_cast<size_t>(random_() % n); }
  ValueId pick() { return pool_[below(pool_.size())]; }
  Shape shape(ValueId id) const { return graph_.shape(id); }
  int64_t axis_of(ValueId id) {
    return static_cast<int64_t>(below(static_cast<size_t>(std::max(1, shape(id).rank()))));
  }
  ValueId constant(const Shape& shape) {
    return graph_.add_constant(testing::random_tensor(shape, random_()), unique("c"));
  }
  ValueId ints(std::vector<int64_t> values) {
    return graph_.add_constant(int64s(std::move(values)), unique("i"));
  }
  static Tensor int64s(std::vector<int64_t> values) {
    return Tensor::from<int64_t>(Shape{static_cast<int64_t>(values.size())}, values);
  }
  std::string unique(const char* stem) { return stem + std::to_string(counter_++); }

  /// The first output, or the data itself where the operator refuses its inputs.
  ValueId add(Op op, std::vector<ValueId> inputs, size_t outputs = 1) {
    std::vector<Argument> arguments;
    for (const ValueId input : inputs) {
      const auto& value = graph_.value(input);
      arguments.push_back({*value.type, value.constant ? &*value.constant : nullptr, true});
    }
    try {
      for (const TensorType& type : infer(op, arguments)) {
        if (type.shape.element_count() > kMaxElements || type.shape.element_count() == 0) {
          return inputs[0];
        }
      }
    } catch (const Error&) {
      return inputs[0];
    }
    std::vector<std::string> names;
    for (size_t i = 0; i < outputs; ++i) names.push_back(unique("v"));
    const NodeId node = graph_.add_node(std::move(op), std::move(inputs), names, unique("n"));
    infer_shapes(graph_);
    const std::vector<ValueId> results = graph_.node(node).outputs;
    pool_.insert(pool_.end(), results.begin(), results.end());
    return results[0];
  }

  void add_random_node() {
    const ValueId x = pick();
    switch (below(16)) {
      case 0: add_unary(x); break;
      case 1: add_binary(x, pick()); break;
      case 2: add_binary(x, constant_for(x)); break;
      case 3:
      case 4: add_transpose(x); break;
      case 5:
      case 6: add_reshape(x); break;
      case 7: add(Concat{.axis = axis_of(x)}, {x, pick()}); break;
      case 8: add_split(x); break;
      case 9: add_selection(x); break;
      case 10: add_product(x); break;
      case 11: add_conv(x); break;
      case 12: add(Softmax{.axis = axis_of(x)}, {x}); break;
      case 13: add_norm(x); break;
      case 14: add_attention(x); break;
      case 15: add_unbind(x); break;
    }
  }

  void add_unary(ValueId x) {
    const UnaryKind kinds[] = {UnaryKind::kRelu, UnaryKind::kTanh, UnaryKind::kSigmoid,
                               UnaryKind::kGelu};
    add(Unary::of(kinds[below(4)]), {x});
  }
  void add_binary(ValueId a, ValueId b) {
    const BinaryKind kinds[] = {BinaryKind::kAdd, BinaryKind::kSub, BinaryKind::kMul};
    if (below(2) == 0) std::swap(a, b);
    add(Binary{kinds[below(3)]}, {a, b});
  }
  ValueId constant_for(ValueId x) {
    Shape result = shape(x);
    for (int axis = 0; axis < result.rank(); ++axis) {
      if (below(3) != 0) result[axis] = 1;
    }
    return constant(result);
  }
  ValueId add_transpose(ValueId x) {
    std::vector<int64_t> perm;
    for (int64_t axis = 0; axis < shape(x).rank(); ++axis) perm.push_back(axis);
    std::shuffle(perm.begin(), perm.end(), random_);
    return add(Transpose{.perm = perm}, {x});
  }
  void add_reshape(ValueId x) {
    const Shape own = shape(x);
    std::vector<int64_t> dims(own.begin(), own.end());
    if (dims.empty()) return;
    const size_t at = below(dims.size());
    if (below(2) == 0 && at + 1 < dims.size()) {
      dims[at] *= dims[at + 1];
      dims.erase(dims.begin() + static_cast<ptrdiff_t>(at) + 1);
    } else if (dims.size() < 6) {
      const int64_t factor = dims[at] % 2 == 0 ? 2 : 1;
      dims[at] /= factor;
      dims.insert(dims.begin() + static_cast<ptrdiff_t>(at + below(2)), factor);
    }
    add(Reshape{}, {x, ints(dims)});
  }
  void add_split(ValueId x) {
    const int64_t axis = axis_of(x);
    const int64_t parts = shape(x).rank() == 0 ? 1 : shape(x)[static_cast<int>(axis)];
    if (parts < 2 || parts > 6) return;
    add(Split{.axis = axis, .num_outputs = parts}, {x}, static_cast<size_t>(parts));
  }
  void add_selection(ValueId x) {
    if (shape(x).rank() == 0) return;
    const int64_t axis = axis_of(x);
    const auto size = static_cast<size_t>(shape(x)[static_cast<int>(axis)]);
    const auto start = static_cast<int64_t>(below(size));
    if (below(2) == 0) {
      const ValueId index = graph_.add_constant(Tensor::scalar<int64_t>(start), unique("i"));
      add(Gather{.axis = axis}, {x, index});
      return;
    }
    const int64_t end = start + 1 + static_cast<int64_t>(below(size));
    add(Slice{}, {x, ints({start}), ints({end}), ints({axis})});
  }
  void add_product(ValueId x) {
    if (shape(x).rank() < 2) return;
    ValueId y = kNone;
    if (shape(x).rank() == 2 && below(2) == 0) {
      y = add(Gemm{.alpha = 0.5f, .trans_b = true},
              {x, constant({4, shape(x).back()}), constant({4})});
    } else {
      y = add(MatMul{}, {x, constant({shape(x).back(), 6})});
    }
    if (below(2) == 0) y = add(Binary{BinaryKind::kAdd}, {y, constant({shape(y).back()})});
    if (below(2) == 0) add(Unary::of(UnaryKind::kRelu), {y});
  }
  void add_conv(ValueId x) {
    if (shape(x).rank() != 4) return;
    Conv conv;
    conv.pads = {1, 1, 1, 1};
    const int64_t channels = shape(x)[1];
    ValueId w = constant({channels, channels, 3, 3});
    ValueId y = add(conv, {x, w});
    // The same weights elsewhere, as cameras that share a backbone have them.
    for (const ValueId other : std::vector<ValueId>(pool_)) {
      if (other != x && shape(other) == shape(x) && below(3) == 0) add(conv, {other, w});
    }
    if (below(2) == 0) y = add(Binary{BinaryKind::kMul}, {y, constant({channels, 1, 1})});
    if (below(2) == 0) y = add(Binary{BinaryKind::kAdd}, {y, x});
    if (below(2) == 0) add(Unary::of(UnaryKind::kRelu), {y});
  }
  void add_norm(ValueId x) {
    if (shape(x).rank() == 0) return;
    if (below(2) == 0) x = add(Binary{BinaryKind::kAdd}, {x, x});
    add(LayerNormalization{}, {x, constant({shape(x).back()}), constant({shape(x).back()})});
  }
  void add_attention(ValueId x) {
    const Shape from = shape(x);
    if (from.rank() != 3 || from[2] % 2 != 0) return;
    const auto heads = [&](std::vector<int64_t> perm) {
      const ValueId y = add(MatMul{}, {x, constant({from[2], from[2]})});
      const ValueId split = add(Reshape{}, {y, ints({from[0], from[1] * 2, from[2] / 2})});
      return add(Transpose{.perm = std::move(perm)}, {split});
    };
    const ValueId q = heads({1, 0, 2});
    const ValueId k = heads({1, 2, 0});
    const ValueId v = heads({1, 0, 2});
    const ValueId weights = add(Softmax{}, {add(MatMul{}, {q, k})});
    const ValueId y = add(Transpose{.perm = {1, 0, 2}}, {add(MatMul{}, {weights, v})});
    add(Reshape{}, {y, ints({from[0], from[1], from[2]})});
  }
  void add_unbind(ValueId x) {
    if (shape(x).rank() == 0) return;
    const int64_t axis = axis_of(x);
    std::vector<ValueId> pieces;
    for (int64_t i = 0; i < shape(x)[static_cast<int>(axis)] && i < 6; ++i) {
      const ValueId index = graph_.add_constant(Tensor::scalar<int64_t>(i), unique("i"));
      const ValueId piece = add(Gather{.axis = axis}, {x, index});
      pieces.push_back(add(Unsqueeze{}, {piece, ints({0})}));
    }
    if (!pieces.empty()) add(Concat{.axis = axis_of(pieces[0])}, pieces);
  }

  std::mt19937_64 random_;
  Graph graph_;
  std::vector<ValueId> pool_;
  int counter_ = 0;
};

TEST(RandomGraphs, EveryPassKeepsTheResults) {
  const char* only = std::getenv("TENDON_TEST_SEED");
  const auto start = std::chrono::steady_clock::now();
  uint64_t seed = only != nullptr ? std::strtoull(only, nullptr, 10) : 0;
  do {
    SCOPED_TRACE("TENDON_TEST_SEED=" + std::to_string(seed));
    const RandomGraph random(seed);
    if (random.graph().outputs().empty()) continue;
    Graph graph = random.graph();
    try {
      run_passes(graph, {.self_check = true});
    } catch (const Error& error) {
      FAIL() << error.what() << "\n" << text_from_graph(random.graph());
    }
  } while (only == nullptr && ++seed < 1500 &&
           std::chrono::steady_clock::now() - start < std::chrono::milliseconds(1500));
}

}  // namespace
}  // namespace tendon
