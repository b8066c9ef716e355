// Observers behind the right values, and nothing that fusing joins is taken apart.
#include "quant/calibrated_values.h"

#include "passes/pipeline.h"
#include "support/operators.h"
#include "support/rewrites.h"

namespace tendon {
namespace {

using ::testing::ElementsAre;
using testing::GraphBuilder;
using ::testing::Pair;
using testing::types_of;
using ::testing::UnorderedElementsAre;

const CalibratedValue* find(const std::vector<CalibratedValue>& values, std::string_view name) {
  const auto found = std::ranges::find(values, name, &CalibratedValue::name);
  return found == values.end() ? nullptr : &*found;
}

std::vector<std::string> sources(const Graph& graph) {
  std::vector<std::string> names;
  for (const CalibratedValue& value : calibrated_values(graph)) {
    if (value.source == value.name) names.push_back(value.name);
  }
  return names;
}

/// The types of the layers that a run has, with observers or without.
std::vector<std::string> layers(Graph graph, bool observed) {
  run_passes(graph, {.after_canonical = [&](Graph& canonical) {
               if (observed) insert_observers(canonical, calibrated_values(canonical));
             }});
  std::vector<std::string> types = types_of(graph);
  std::erase_if(types, [](const std::string& type) {
    return type == "Observe" || type == "Reshape" || type == "Squeeze" || type == "Unsqueeze";
  });
  return types;
}

void expect_same_layers(const Graph& graph) {
  EXPECT_EQ(layers(graph, true), layers(graph, false));
  Graph observed = graph;
  run_passes(observed, {.after_canonical = [](Graph& canonical) {
               insert_observers(canonical, calibrated_values(canonical));
             }});
  const TensorMap inputs = testing::random_inputs(graph);
  EXPECT_LE(testing::max_abs_difference(testing::run_reference(graph, inputs),
                                        testing::run_reference(observed, inputs)),
            1e-4);
}

ValueId conv(GraphBuilder& b, ValueId x, int64_t in, int64_t out, const std::string& name) {
  Conv padded;
  padded.pads = {1, 1, 1, 1};
  return b.node(padded, {x, b.random_constant({out, in, 3, 3}), b.random_constant({out})}, name);
}

// MaxPool(Relu(Conv(x))): what the pool leaves is observed, for both
TEST(CalibratedValues, APoolsResultStandsForWhatOnlyThePoolReads) {
  for (const bool read_twice : {false, true}) {
    GraphBuilder b;
    const ValueId x = b.input("image", {1, 3, 8, 10});
    const ValueId relu = b.node(kRelu, {conv(b, x, 3, 4, "conv1")}, "relu1");
    MaxPool pool;
    pool.kernel_shape = {3, 3};
    pool.strides = {2, 2};
    pool.pads = {1, 1, 1, 1};
    b.output(conv(b, b.node(pool, {relu}, "pool"), 4, 4, "conv2"));
    if (read_twice) b.output(conv(b, relu, 4, 4, "conv3"));
    const Graph graph = b.done();
    const std::vector<CalibratedValue> values = calibrated_values(graph);
    ASSERT_NE(find(values, "relu1"), nullptr);
    EXPECT_EQ(find(values, "relu1")->source, read_twice ? "relu1" : "pool");
    EXPECT_EQ(find(values, "pool")->source, "pool");
    // Two outputs are turned back in an order of their own.
    if (!read_twice) expect_same_layers(graph);
  }
}

// rewrite Relu(Conv(Relu(Conv(x))) + Relu(Conv(x))) -> the same with an Observe behind each Relu
TEST(CalibratedValues, EpiloguesEndBeforeTheirObserver) {
  GraphBuilder b;
  const ValueId x = b.input("image", {1, 3, 8, 10});
  const ValueId first = b.node(kRelu, {conv(b, x, 3, 4, "conv1")}, "relu1");
  const ValueId sum = b.node(Binary{BinaryKind::kAdd}, {conv(b, first, 4, 4, "conv2"), first});
  b.output(b.node(kRelu, {sum}, "relu2"));
  const Graph graph = b.done();
  EXPECT_THAT(sources(graph), ElementsAre("image", "relu1", "relu2"));
  expect_same_layers(graph);
  Graph observed = graph;
  run_passes(observed, {.after_canonical = [](Graph& canonical) {
               insert_observers(canonical, calibrated_values(canonical));
             }});
  EXPECT_THAT(types_of(observed), ElementsAre("Transpose", "FusedConv", "Observe", "FusedConv",
                                              "Observe", "Transpose"));
  for (const Node& node : observed.nodes()) {
    const auto* observe = std::get_if<Observe>(&node.op);
    if (observe == nullptr) continue;
    EXPECT_EQ(observe->axis, 3) << "it follows the layout";
  }
}

TEST(CalibratedValues, BiasResidualAndGeluOfProducts) {
  GraphBuilder b;
  const ValueId x = b.input("x", {1, 5, 8});
  const ValueId product = b.node(MatMul{}, {x, b.random_constant({8, 8})}, "product");
  const ValueId biased =
      b.node(Binary{BinaryKind::kAdd}, {product, b.random_constant({8})}, "biased");
  // GELU written out: biased * 0.5 * (1 + erf(biased / sqrt(2))).
  const auto scalar = [&](float value) { return b.constant(Tensor::scalar(value)); };
  const ValueId scaled = b.node(Binary{BinaryKind::kDiv}, {biased, scalar(1.41421356f)});
  const ValueId erf = b.node(Unary::of(UnaryKind::kErf), {scaled});
  const ValueId plus = b.node(Binary{BinaryKind::kAdd}, {erf, scalar(1)});
  const ValueId half = b.node(Binary{BinaryKind::kMul}, {biased, plus});
  const ValueId gelu = b.node(Binary{BinaryKind::kMul}, {half, scalar(0.5f)}, "gelu");
  const ValueId second = b.node(MatMul{}, {gelu, b.random_constant({8, 8})}, "second");
  b.output(b.node(Binary{BinaryKind::kAdd}, {x, second}, "out"));
  const Graph graph = b.done();
  EXPECT_THAT(sources(graph), ::testing::IsSupersetOf({"out", "x"}));
  expect_same_layers(graph);
}

/// One head of attention with projections, in the way exporters write it.
Graph attention() {
  GraphBuilder b;
  const ValueId x = b.input("x", {6, 1, 8});
  const auto project = [&](const std::string& name) {
    const ValueId product = b.node(MatMul{}, {x, b.random_constant({8, 8})}, name + ".product");
    return b.node(Binary{BinaryKind::kAdd}, {product, b.random_constant({8})}, name);
  };
  const auto heads = [&](ValueId value) {
    const ValueId split = b.node(Reshape{}, {value, b.ints({6, 2, 4})});
    return b.node(Transpose{.perm = {1, 0, 2}}, {split});
  };
  const ValueId q = b.node(Binary{BinaryKind::kMul},
                           {heads(project("q")), b.constant(Tensor::scalar(0.5f))}, "q.scaled");
  const ValueId k = b.node(Transpose{.perm = {0, 2, 1}}, {heads(project("k"))}, "k.turned");
  const ValueId v = heads(project("v"));
  const ValueId weights = b.node(Softmax{}, {b.node(MatMul{}, {q, k})}, "weights");
  const ValueId context = b.node(MatMul{}, {weights, v}, "context");
  const ValueId joined = b.node(
      Reshape{}, {b.node(Transpose{.perm = {1, 0, 2}}, {context}), b.ints({6, 8})}, "joined");
  const ValueId out = b.node(Gemm{.trans_b = true},
                             {joined, b.random_constant({8, 8}), b.random_constant({8})}, "gemm");
  const ValueId rows = b.node(Reshape{}, {out, b.ints({6, 1, 8})}, "rows");
  b.output(b.node(Binary{BinaryKind::kAdd}, {x, rows}, "sum"));
  return b.done();
}

TEST(CalibratedValues, AttentionIsObservedAtItsProjections) {
  const Graph graph = attention();
  EXPECT_THAT(sources(graph), ElementsAre("joined", "k", "q", "sum", "v", "x"));
  expect_same_layers(graph);
  const auto values = calibrated_values(graph);
  const CalibratedValue* scaled = find(values, "q.scaled");
  ASSERT_NE(scaled, nullptr);
  EXPECT_EQ(scaled->source, "q");
  EXPECT_EQ(scaled->factor, 0.5);
  EXPECT_EQ(find(values, "k.turned")->source, "k");
  EXPECT_FALSE(find(values, "k.turned")->has_channels);
  EXPECT_EQ(find(values, "weights")->source, "");
}

// A product that reads rows under another grouping knows their channels in what is observed.
TEST(CalibratedValues, ViewsKnowTheirChannelsInTheSource) {
  GraphBuilder b;
  const ValueId x = b.node(Unary::of(UnaryKind::kTanh), {b.input("x", {4, 1, 6})}, "tanh");
  const ValueId flat = b.node(Reshape{}, {x, b.ints({4, 6})}, "flat");
  const ValueId out = b.node(Gemm{}, {flat, b.random_constant({6, 2})}, "gemm");
  b.output(b.node(Reshape{}, {out, b.ints({4, 1, 2})}, "out"));
  const Graph graph = b.done();
  const auto values = calibrated_values(graph);
  const CalibratedValue* found = find(values, "flat");
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->source, "tanh");
  EXPECT_EQ(found->source_axis, 2);
  EXPECT_TRUE(found->has_channels);
  expect_same_layers(graph);
}

TEST(CalibratedValues, IntegersAndConstantsAreLeftOut) {
  GraphBuilder b;
  const ValueId i = b.input("ids", {3}, DataType::kInt64);
  const ValueId rows = b.node(Gather{}, {b.random_constant({10, 4}), i}, "rows");
  b.output(b.node(MatMul{}, {rows, b.random_constant({4, 2})}, "out"));
  EXPECT_THAT(sources(b.done()), ElementsAre("out", "rows"));
}

}  // namespace
}  // namespace tendon
