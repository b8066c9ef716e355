// Network: inputs with symbols, outputs whose axes follow them.
#include <gtest/gtest.h>
#include <tendon/loaders.h>

#include "api/network_impl.h"
#include "support/files.h"
#include "support/networks.h"

namespace tendon {
namespace {

using testing::expect_error;
using testing::small_network;

TEST(Network, TellsItsInputsAndOutputsWithSymbols) {
  const Network network = small_network();
  EXPECT_EQ(network.name(), "small");
  EXPECT_EQ(network.metadata().at("robot"), "toy");
  EXPECT_EQ(network.node_count(), 3);
  EXPECT_EQ(network.parameter_count(), 1);
  EXPECT_EQ(to_string(network.inputs()),
            "x [dtype=float32, shape=(batch, 3)]\nt [dtype=float32, shape=(2,)]");
  EXPECT_EQ(to_string(network.outputs()),
            "y [dtype=float32, shape=(batch, 3)]\nu [dtype=float32, shape=(2,)]");
}

TEST(Network, AnOutputAxisThatIsComputedFromASymbolIsOpen) {
  Graph graph;
  const ValueId x = graph.add_input("x", DataType::kFloat32, {{-1, "n"}, {2, ""}});
  const ValueId shape = graph.add_constant(Tensor::from<int64_t>({1}, {-1}), "flat");
  const NodeId node = graph.add_node(Reshape{}, {x, shape}, {"y"}, "flatten");
  graph.add_output(graph.node(node).outputs[0]);
  EXPECT_EQ(to_string(network_from_graph(std::move(graph)).outputs()),
            "y [dtype=float32, shape=(?,)]");
}

TEST(Network, ASymbolThatOnlyFitsAtOneStaysFixed) {
  Graph graph;
  const ValueId x = graph.add_input("x", DataType::kFloat32, {{-1, "n"}, {2, ""}});
  const ValueId shape = graph.add_constant(Tensor::from<int64_t>({1}, {2}), "two");
  const NodeId node = graph.add_node(Reshape{}, {x, shape}, {"y"}, "flatten");
  graph.add_output(graph.node(node).outputs[0]);
  EXPECT_EQ(to_string(network_from_graph(std::move(graph)).outputs()),
            "y [dtype=float32, shape=(2,)]");
}

std::vector<std::string> output_names(const Network& network) {
  std::vector<std::string> names;
  for (const TensorInfo& info : network.outputs()) names.push_back(info.name);
  return names;
}

TEST(ModifyNetworkOutputs, MarksExcludesAndMarksAll) {
  using Names = std::vector<std::string>;
  const Network network = small_network();
  EXPECT_EQ(output_names(modify_network_outputs(network, {"hidden"})), Names({"hidden"}));
  EXPECT_EQ(output_names(modify_network_outputs(network, {kMarkAll})), Names({"hidden", "y", "u"}));
  EXPECT_EQ(output_names(modify_network_outputs(network, {}, {"u"})), Names({"y"}));
  EXPECT_EQ(output_names(ModifyNetworkOutputs(small_network, {"u", "y"})()), Names({"u", "y"}));
  EXPECT_EQ(output_names(network), Names({"y", "u"})) << "the original stays as it was";
}

TEST(ModifyNetworkOutputs, RefusesUnknownNamesAndAnEmptyChoice) {
  const Network network = small_network();
  expect_error(ErrorKind::kUsage, {"no value 'hiden'", "did you mean 'hidden'?", "'y'"},
               [&] { modify_network_outputs(network, {"hiden"}); });
  expect_error(ErrorKind::kUsage, {"no value 'x'"},
               [&] { modify_network_outputs(network, {"x"}); });
  expect_error(ErrorKind::kUsage, {"'hidden' is to be excluded but is no output"},
               [&] { modify_network_outputs(network, {}, {"hidden"}); });
  expect_error(ErrorKind::kUsage, {"no output would be left"},
               [&] { modify_network_outputs(network, {"y"}, {"y"}); });
}

}  // namespace
}  // namespace tendon
