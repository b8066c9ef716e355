#include "onnx/exporter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "base/file.h"
#include "onnx/importer.h"
#include "onnx/model.h"
#include "support/files.h"
#include "support/graphs.h"
#include "support/onnx_builder.h"

namespace tendon {
namespace {

namespace fs = std::filesystem;
using testing::as_bytes;
using ::testing::ElementsAre;
using testing::Failure;
using testing::failure_from;
using testing::GraphBuilder;
using ::testing::HasSubstr;
using testing::max_abs_difference;
using testing::OnnxBuilder;
using testing::random_inputs;
using testing::run_reference;

Graph import(const std::string& text) { return graph_from_onnx_bytes(as_bytes(text), "test"); }

std::vector<std::string> types_of(const Graph& graph) {
  std::vector<std::string> types;
  for (const NodeId id : graph.topological_order()) {
    types.emplace_back(type_of(graph.node(id).op));
  }
  return types;
}

Failure failure_of(const Graph& graph, const ExportOptions& options = {}) {
  return failure_from([&] { onnx_bytes_from_graph(graph, options); });
}

/// A fresh folder that goes away with the test.
struct Folder {
  fs::path path = fs::temp_directory_path() / ("tendon_exporter_" + std::to_string(getpid()));
  Folder() { fs::create_directories(path); }
  ~Folder() { fs::remove_all(path); }
};

/// Operators with every kind of attribute, a constant that is read twice, and an optional input.
Graph mixed_graph() {
  GraphBuilder b;
  const ValueId x = b.input("x", {1, 2, 5, 5});
  const ValueId w = b.random_constant({3, 2, 3, 3}, "w");
  Conv conv;
  conv.pads = {1, 1, 1, 1};
  conv.strides = {2, 2};
  const ValueId y = b.node(conv, {x, w}, "conv");
  const ValueId mean = b.node(Reduce{ReduceKind::kMean, true, false}, {y, b.ints({2, 3})}, "mean");
  const ValueId centred = b.node(Binary{BinaryKind::kSub}, {y, mean}, "centred");
  const ValueId clipped =
      b.node(Clip{}, {centred, kNone, b.constant(Tensor::scalar(0.5f))}, "clip");
  const ValueId flat = b.node(Reshape{}, {clipped, b.ints({0, -1})}, "flat");
  b.output(b.node(Softmax{}, {flat}, "softmax"));
  Cast half;
  half.to = DataType::kFloat16;
  b.output(b.node(half, {flat}, "half"));
  return b.done();
}

TEST(Exporter, RoundTripsOverOpsets) {
  const Graph graph = mixed_graph();
  const TensorMap inputs = random_inputs(graph);
  const TensorMap expected = run_reference(graph, inputs);
  for (int opset = 13; opset <= 21; ++opset) {
    const std::string text = onnx_bytes_from_graph(graph, {.opset = opset});
    Graph again = import(text);
    EXPECT_EQ(types_of(again), types_of(graph)) << opset;
    bind_inputs(again, {});
    EXPECT_EQ(max_abs_difference(run_reference(again, inputs), expected), 0.0) << opset;
    EXPECT_EQ(onnx_bytes_from_graph(again, {.opset = opset}), text) << opset;
  }
}

TEST(Exporter, WritesTheFormsOfTheOpset) {
  const auto reduce_node = [](int opset) {
    static std::string text;
    text = onnx_bytes_from_graph(mixed_graph(), {.opset = opset});
    for (const NodeProto& node : read_model(as_bytes(text)).graph.nodes) {
      if (node.type == "ReduceMean") return node;
    }
    return NodeProto();
  };
  const NodeProto old_form = reduce_node(17);
  EXPECT_EQ(old_form.inputs.size(), 1u);
  ASSERT_EQ(old_form.attributes.size(), 1u);
  EXPECT_EQ(old_form.attributes[0].name, "axes");
  EXPECT_THAT(old_form.attributes[0].integers, ElementsAre(2, 3));
  const NodeProto new_form = reduce_node(18);
  EXPECT_EQ(new_form.inputs.size(), 2u);
  EXPECT_EQ(new_form.attributes.size(), 0u);

  const std::pair<int, int64_t> ir_versions[] = {{13, 7}, {17, 8}, {19, 9}, {21, 10}};
  for (const auto& [opset, ir_version] : ir_versions) {
    const std::string text = onnx_bytes_from_graph(mixed_graph(), {.opset = opset});
    const ModelProto model = read_model(as_bytes(text));
    EXPECT_EQ(model.ir_version, ir_version);
    EXPECT_EQ(model.opsets.at(0).second, opset);
  }
}

TEST(Exporter, KeepsSymbolsMetadataAndNames) {
  OnnxBuilder model;
  model.input("x", {"N", "3"});
  model.node("Shape", {"x"}, {"s"});
  model.node("Add", {"x", "x"}, {"y"}, {}, "sum");
  model.node("MatMul", {"x", "w"}, {"z"}, {}, "product");
  model.initializer("w", testing::random_tensor({3, 4}));
  model.output("y");
  model.output("z");
  model.output("s");
  Graph graph = import(model.text());
  graph.metadata["robot"] = "aloha";
  const std::string text = onnx_bytes_from_graph(graph);
  const ModelProto exported = read_model(as_bytes(text));
  EXPECT_EQ(exported.metadata, (StringPairs{{"robot", "aloha"}}));
  const auto dims_of = [](const ValueInfoProto& value) {
    std::vector<std::string> dims;
    for (const DimProto& dim : *value.dims) {
      dims.push_back(dim.size ? std::to_string(*dim.size) : std::string(dim.symbol));
    }
    return dims;
  };
  EXPECT_THAT(dims_of(exported.graph.inputs.at(0)), ElementsAre("N", "3"));
  EXPECT_THAT(dims_of(exported.graph.outputs.at(0)), ElementsAre("N", "3"));
  EXPECT_THAT(dims_of(exported.graph.outputs.at(1)), ElementsAre("N", "4"));
  EXPECT_THAT(dims_of(exported.graph.outputs.at(2)), ElementsAre("2"));
  EXPECT_EQ(exported.graph.outputs.at(2).element_type, 7);
  EXPECT_EQ(exported.graph.nodes.at(1).name, "sum");
  EXPECT_EQ(exported.graph.initializers.at(0).name, "w");
}

TEST(Exporter, GivesUniqueNames) {
  Graph graph;
  const ValueId x = graph.add_input("x", DataType::kFloat32, {{2, ""}});
  const Unary relu = Unary::of(UnaryKind::kRelu);
  const ValueId a = graph.node(graph.add_node(relu, {x}, {"y"}, "same")).outputs[0];
  const ValueId b = graph.node(graph.add_node(relu, {a}, {""}, "same")).outputs[0];
  const ValueId y = graph.node(graph.add_node(relu, {b}, {"y"}, "")).outputs[0];
  graph.add_output(y);
  graph.add_output(y);
  infer_shapes(graph);
  const std::string text = onnx_bytes_from_graph(graph);
  const Graph again = import(text);
  EXPECT_THAT(types_of(again), ElementsAre("Relu", "Relu", "Relu", "Identity"));
  ASSERT_EQ(again.outputs().size(), 2u);
  EXPECT_EQ(again.value(again.outputs()[0]).name, "y");
  EXPECT_EQ(again.value(again.outputs()[1]).name, "y_copy");
}

TEST(Exporter, NamesAllNodesThatOnnxLacks) {
  GraphBuilder b;
  const ValueId x = b.input("x", {1, 2, 4, 4});
  MaxPool pool;
  pool.kernel_shape = {2, 2};
  pool.channels_last = true;
  const ValueId y = b.node(pool, {x}, "pool");
  b.output(b.node(FusedConv{}, {x, b.random_constant({2, 2, 1, 1})}, "fused"));
  b.output(y);
  const Failure failure = failure_of(b.done());
  EXPECT_EQ(failure.kind, ErrorKind::kUnsupported);
  EXPECT_THAT(failure.message, HasSubstr("FusedConv is Tendon's own"));
  EXPECT_THAT(failure.message, HasSubstr("'fused'"));
  EXPECT_THAT(failure.message, HasSubstr("MaxPool with channels_last is made by passes"));
  EXPECT_THAT(failure.message, HasSubstr("export before fusing"));
}

TEST(Exporter, RefusesWhatTheOpsetLacks) {
  GraphBuilder b;
  const ValueId x = b.input("x", {2, 4});
  b.output(b.node(Unary::of(UnaryKind::kMish), {x}, "mish"));
  b.output(b.node(Unary::of(UnaryKind::kGeluTanh), {x}, "gelu"));
  const Graph graph = b.done();
  const Failure failure = failure_of(graph, {.opset = 16});
  EXPECT_EQ(failure.kind, ErrorKind::kUnsupported);
  EXPECT_THAT(failure.message, HasSubstr("Mish needs opset 18 or above: 1 nodes, 'mish'"));
  EXPECT_THAT(failure.message, HasSubstr("Gelu needs opset 20 or above"));
  EXPECT_EQ(failure_of(graph, {.opset = 20}).message, "no error");
  for (const int opset : {12, 22})
    EXPECT_EQ(failure_of(graph, {.opset = opset}).kind, ErrorKind::kUsage);
}

TEST(Exporter, StoresWeightsBesideTheModel) {
  const Folder folder;
  const std::string path = (folder.path / "model.onnx").string();
  GraphBuilder b;
  const ValueId x = b.input("x", {1, 40});
  const ValueId w = b.random_constant({40, 40}, "w");
  const ValueId v = b.random_constant({40, 40}, "v");
  const ValueId small = b.random_constant({40}, "small");
  const Binary add{BinaryKind::kAdd};
  b.output(b.node(add, {b.node(MatMul{}, {b.node(MatMul{}, {x, w}), v}), small}));
  const Graph graph = b.done();
  write_onnx_file(graph, path, {.weights = ExportOptions::Weights::kBeside});
  EXPECT_EQ(fs::file_size(path + ".data"), 8192u + 6400u);
  EXPECT_LT(fs::file_size(path), 1500u);
  const Graph again = graph_from_onnx_path(path);
  for (const char* name : {"w", "v", "small"}) {
    EXPECT_EQ(*again.value(again.find_value(name)).constant,
              *graph.value(graph.find_value(name)).constant);
  }
  write_onnx_file(graph, path,
                  {.weights = ExportOptions::Weights::kBeside, .weights_file = "w.bin"});
  EXPECT_TRUE(fs::exists(folder.path / "w.bin"));
  for (const char* name : {"../w.bin", "/tmp/w.bin", "a/b", ".."}) {
    EXPECT_THROW(
        write_onnx_file(graph, path,
                        {.weights = ExportOptions::Weights::kBeside, .weights_file = name}),
        Error);
  }
}

TEST(Exporter, KeepsTheBundledPolicy) {
  const Folder folder;
  const std::string source = TENDON_SOURCE_DIR "/examples/transfer_cube/policy.onnx";
  const std::string path = (folder.path / "policy.onnx").string();
  const Graph graph = graph_from_onnx_path(source);
  write_onnx_file(graph, path);
  const Graph again = graph_from_onnx_path(path);
  EXPECT_EQ(types_of(again), types_of(graph));
  ASSERT_EQ(again.inputs().size(), 2u);
  EXPECT_EQ(again.inputs()[1].dims, graph.inputs()[1].dims);
  for (const Value& value : graph.values()) {
    if (!value.constant || value.readers.empty()) continue;
    EXPECT_EQ(*again.value(again.find_value(value.name)).constant, *value.constant) << value.name;
  }
}

/// Not a check of its own: writes exported twins of models for check_with_onnx.py.
/// TENDON_EXPORT_FROM holds .onnx files in any depth, TENDON_EXPORT_TO receives them under the same
/// names.
TEST(Exporter, ExportsAFolderOfModels) {
  const char* from = std::getenv("TENDON_EXPORT_FROM");
  const char* to = std::getenv("TENDON_EXPORT_TO");
  if (from == nullptr || to == nullptr) {
    GTEST_SKIP() << "TENDON_EXPORT_FROM and TENDON_EXPORT_TO name no folders";
  }
  size_t written = 0;
  for (const auto& entry : fs::recursive_directory_iterator(from)) {
    if (entry.path().extension() != ".onnx") continue;
    const fs::path target = fs::path(to) / fs::relative(entry.path(), from);
    try {
      const ModelProto model = read_model(MappedFile::open(entry.path())->bytes());
      const auto opset = static_cast<int>(model.opsets.at(0).second);
      const Graph graph = graph_from_onnx_path(entry.path(), {.check_finite = false});
      fs::create_directories(target.parent_path());
      write_onnx_file(graph, target.string(), {.opset = std::clamp(opset, 13, 21)});
      ++written;
    } catch (const Error& error) {
      // Operators that Tendon lacks are other tests' matter.
      if (error.kind() != ErrorKind::kUnsupported)
        std::cerr << entry.path() << ": " << error.what() << "\n";
    }
  }
  EXPECT_GT(written, 0u);
}

}  // namespace
}  // namespace tendon
