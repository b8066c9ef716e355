#include "passes/pipeline.h"

#include <map>

#include "base/npz.h"
#include "onnx/importer.h"
#include "support/files.h"
#include "support/rewrites.h"

namespace tendon {
namespace {

using testing::count_nodes;
using testing::count_type;
using testing::GraphBuilder;
using ::testing::HasSubstr;

Graph small_graph() {
  GraphBuilder b;
  const ValueId x = b.input("x", {3, 4});
  const ValueId y = b.node(MatMul{}, {b.node(Identity{}, {x}), b.random_constant({4, 4})});
  b.output(b.node(Unary::of(UnaryKind::kRelu), {y}, "y"));
  b.node(Softmax{}, {y});
  return b.done();
}

const PassResult& result_of(const PassReport& report, std::string_view name) {
  for (const PassResult& result : report.passes) {
    if (result.name == name) return result;
  }
  fail(ErrorKind::kInternal, "no pass {}", name);
}

TEST(Pipeline, ReportsWhatEachPassDid) {
  Graph graph = small_graph();
  const PassReport report = run_passes(graph, {.self_check = true});
  EXPECT_EQ(testing::types_of(graph), std::vector<std::string>{"FusedMatMul"});
  EXPECT_EQ(report.nodes_before, 4u);
  EXPECT_EQ(report.nodes_after, 1u);
  EXPECT_EQ(result_of(report, "remove-dead-code").nodes_removed, 1u);
  EXPECT_EQ(result_of(report, "remove-identities").nodes_removed, 1u);
  EXPECT_EQ(result_of(report, "fuse-matmul").nodes_removed, 2u);
  EXPECT_EQ(result_of(report, "fuse-matmul").nodes_added, 1u);
}

TEST(Pipeline, TheCanonicalStageKeepsToOnnx) {
  Graph graph = small_graph();
  run_passes(graph, {.stage = PassStage::kCanonical});
  EXPECT_EQ(testing::types_of(graph), (std::vector<std::string>{"MatMul", "Relu"}));
}

TEST(Pipeline, PassesAreLeftOutByName) {
  Graph graph = small_graph();
  const PassReport report = run_passes(graph, {.disabled = {"remove-identities", "fuse-matmul"}});
  EXPECT_EQ(count_nodes<Identity>(graph), 1u);
  EXPECT_EQ(count_nodes<MatMul>(graph), 1u);
  for (const PassResult& result : report.passes) EXPECT_NE(result.name, "fuse-matmul");
}

TEST(Pipeline, AnUnknownNameListsAllNames) {
  Graph graph = small_graph();
  testing::expect_error(ErrorKind::kUsage,
                        {"no pass named 'fuse-convs'", "fuse-conv, fuse-gelu", "merge-views"},
                        [&] { run_passes(graph, {.disabled = {"fuse-convs"}}); });
}

TEST(Pipeline, DumpsEveryChange) {
  const testing::TempDir folder;
  Graph graph = small_graph();
  run_passes(graph, {.dump_folder = folder.path().string()});
  EXPECT_THAT(testing::read_text(folder / "001_remove-dead-code.txt"), HasSubstr("Identity"));
  EXPECT_THAT(testing::read_text(folder / "003_fuse-matmul.dot"), HasSubstr("FusedMatMul"));
}

TEST(Pipeline, AGraphThatIsWrongFromTheStartIsNoPassesFault) {
  Graph graph;
  const ValueId x = graph.add_input("x", DataType::kFloat32, {{2, ""}});
  graph.add_output(graph.node(graph.add_node(Softmax{}, {x}, {"y"}, "s")).outputs[0]);
  testing::expect_error(ErrorKind::kInternal, {"before all passes", "[Softmax 's']"},
                        [&] { run_passes(graph); });
}

TEST(Pipeline, NamesAreKebabCaseAndHaveAPurpose) {
  for (const Pass& pass : pass_table()) {
    EXPECT_EQ(pass.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz-"), std::string_view::npos);
    EXPECT_FALSE(pass.purpose.empty());
  }
}

struct Model {
  const char* stem;
  /// Of the three decoder layers one is read; positions are added twice an encoder layer.
  size_t attentions;
};

/// That the reference makes of the recorded inputs what PyTorch made.
void expect_recorded_action(const Graph& graph, const std::string& path) {
  TensorMap inputs = load_npz(path + ".npz");
  const Tensor expected = inputs.at("action");
  inputs.erase("action");
  EXPECT_LE(
      testing::max_abs_difference(testing::run_reference(graph, inputs).begin()->second, expected),
      2e-6);
}

// The graphs that PyTorch traced, down to what kernels run.
TEST(Pipeline, TracedPolicies) {
  const Model models[] = {
      {"act_opset13", 3}, {"act_opset17", 3}, {"lerobot_opset13", 3}, {"lerobot_opset17", 3}};
  for (const Model& model : models) {
    SCOPED_TRACE(model.stem);
    const std::string path = testing::source_path(std::string("tests/models/") + model.stem);
    Graph graph = graph_from_onnx_path(path + ".onnx");
    bind_inputs(graph, {});
    run_passes(graph);  // the dev build checks each pass by the reference
    EXPECT_EQ(count_nodes<FusedConv>(graph), 21u);
    EXPECT_EQ(count_nodes<MaxPool>(graph), 1u);
    EXPECT_EQ(count_nodes<Attention>(graph), model.attentions);
    EXPECT_EQ(count_nodes<FusedMatMul>(graph), 19u);
    EXPECT_EQ(count_nodes<LayerNormalization>(graph), 7u);
    EXPECT_EQ(count_nodes<Transpose>(graph), 1u) << "that of the images";
    EXPECT_EQ(count_nodes<Concat>(graph), 2u);
    EXPECT_EQ(count_type(graph, "Softmax") + count_type(graph, "MatMul") +
                  count_type(graph, "Gather") + count_type(graph, "Relu"),
              0u);
    expect_recorded_action(graph, path);
  }
}

/// x -> q, k, v of 2 heads -> attention -> product -> LayerNormalization -> product -> y, with a
/// bias wherever one can be.
Graph attention_with_biases() {
  GraphBuilder b;
  const ValueId x = b.input("x", {1, 5, 8});
  const auto linear = [&](ValueId from, int64_t columns, const std::string& name) {
    const ValueId y = b.node(MatMul{}, {from, b.random_constant({8, columns})}, name);
    return b.node(Binary{BinaryKind::kAdd}, {y, b.random_constant({columns})});
  };
  const auto heads = [&](const std::string& name, std::vector<int64_t> perm) {
    const ValueId split = b.node(Reshape{}, {linear(x, 8, name), b.ints({1, 5, 2, 4})});
    return b.node(Transpose{.perm = std::move(perm)}, {split});
  };
  const ValueId scores = b.node(MatMul{}, {heads("q", {0, 2, 1, 3}), heads("k", {0, 2, 3, 1})});
  const ValueId mixed = b.node(MatMul{}, {b.node(Softmax{}, {scores}), heads("v", {0, 2, 1, 3})});
  const ValueId joined =
      b.node(Reshape{}, {b.node(Transpose{.perm = {0, 2, 1, 3}}, {mixed}), b.ints({1, 5, 8})});
  const ValueId normal =
      b.node(LayerNormalization{},
             {linear(joined, 8, "out"), b.random_constant({8}), b.random_constant({8})}, "norm");
  b.output(linear(normal, 3, "head"));
  return b.done();
}

TEST(Pipeline, BiasesThatNeedNotBeAddedAreNot) {
  Graph graph = attention_with_biases();
  run_passes(graph, {.self_check = true});
  std::map<std::string, size_t> inputs;
  for (const Node& node : graph.nodes()) inputs[node.name] = node.inputs.size();
  EXPECT_EQ(inputs.at("k"), 2u);
  EXPECT_EQ(inputs.at("v"), 2u);
  EXPECT_EQ(inputs.at("norm.unscaled"), 2u);
  for (const char* name : {"q", "out", "head"}) EXPECT_EQ(inputs.at(name), 3u) << name;
}

// On a GPU positions are added behind the projections, which one product makes for an attention.
TEST(Pipeline, TracedPoliciesForAGpu) {
  for (const char* stem : {"act_opset17", "lerobot_opset17"}) {
    SCOPED_TRACE(stem);
    const std::string path = testing::source_path(std::string("tests/models/") + stem);
    Graph graph = graph_from_onnx_path(path + ".onnx");
    bind_inputs(graph, {});
    run_passes(graph, {.stage = PassStage::kGpu});
    EXPECT_EQ(count_nodes<FusedMatMul>(graph) + count_nodes<NormalizedMatMul>(graph), 13u);
    EXPECT_EQ(count_nodes<LayerNormalizationMatMul>(graph), 1u) << "what makes the actions";
    EXPECT_EQ(count_nodes<LayerNormalization>(graph), 0u);
    EXPECT_EQ(count_nodes<NormalizedMatMul>(graph), 5u);
    EXPECT_EQ(count_nodes<ImageConv>(graph), 1u);
    EXPECT_EQ(count_nodes<MaxPool>(graph), 0u);
    EXPECT_EQ(count_type(graph, "Add"), 0u);
    const auto reads_joined_products = [&](const Node& node) {
      return node.alive && std::holds_alternative<Attention>(node.op) &&
             graph.producer_op<Concat>(node.inputs[0]) != nullptr;
    };
    EXPECT_EQ(std::ranges::count_if(graph.nodes(), reads_joined_products), 1) << "the first one";
    expect_recorded_action(graph, path);
  }
}

}  // namespace
}  // namespace tendon
