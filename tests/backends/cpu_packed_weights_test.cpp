// Engines for the CPU use packed weights from their file and compute the same bits with them.
#include <gmock/gmock.h>

#include "backends/registry.h"
#include "base/file.h"
#include "engine/context.h"
#include "engine/engine_file.h"
#include "engine/plan.h"
#include "support/files.h"
#include "support/graphs.h"

namespace tendon {
namespace {

/// Convolutions of the shapes that Winograd's algorithm takes and of others, and products.
Graph layers_with_weights() {
  testing::GraphBuilder b;
  const auto conv = [&](ValueId x, std::initializer_list<int64_t> weight, int64_t stride,
                        int64_t pad, const std::string& name) {
    Conv op;
    op.strides = {stride, stride};
    op.pads = {pad, pad, pad, pad};
    return b.node(op, {x, b.random_constant(weight, name + ".w"), kNone}, name);
  };
  ValueId x = b.input("x", {1, 32, 24, 24});
  x = conv(x, {64, 32, 3, 3}, 1, 1, "unit_stride");
  x = conv(x, {64, 64, 3, 3}, 2, 1, "stride_two");
  x = conv(x, {128, 64, 1, 1}, 1, 0, "pointwise");
  x = conv(x, {32, 128, 5, 5}, 1, 2, "wide");
  x = b.node(Reshape{}, {x, b.ints({32, 144})}, "rows");
  x = b.node(MatMul{}, {x, b.random_constant({144, 512}, "v")}, "first");
  b.output(b.node(MatMul{}, {x, b.random_constant({512, 64}, "u")}, "second"));
  return b.done();
}

TEST(CpuPackedWeights, GiveTheSameBitsAsPackingAnew) {
  const testing::TempDir folder;
  const auto lookup = [](std::string_view) { return backends_for_device("cpu"); };
  const Graph graph = layers_with_weights();
  const TensorMap inputs = testing::random_inputs(graph);
  const auto actions = [&](std::shared_ptr<const CompiledEngine> engine) {
    return ExecutionContext(std::move(engine)).infer(inputs).at("second");
  };
  const auto built = build_engine(graph, {.threads = 2}, backends_for_device("cpu"));
  if (built->layers()[0].backend != "cpu") GTEST_SKIP() << "this build has no cpu backend";
  write_engine_file(*built, folder / "packed.engine");
  write_engine_file(
      *build_engine(graph, {.threads = 2, .packed_weights = false}, backends_for_device("cpu")),
      folder / "plain.engine");

  const auto mapped = read_engine_file(folder / "packed.engine", lookup);
  EXPECT_EQ(mapped->packed().mapped, 6u);
  EXPECT_EQ(mapped->packed().made, 0u);
  EXPECT_THAT(mapped->packed().packer, ::testing::HasSubstr("oneDNN"));
  const auto packed_here = read_engine_file(folder / "plain.engine", lookup);
  EXPECT_EQ(packed_here->packed().mapped, 0u);
  EXPECT_EQ(packed_here->packed().made, 6u);
  const Tensor expected = actions(built);
  EXPECT_EQ(actions(mapped), expected);
  EXPECT_EQ(actions(packed_here), expected);
}

TEST(CpuPackedWeights, AreTheSameBytesInEveryBuild) {
  const auto pack = [] {
    return build_engine(layers_with_weights(), {.threads = 2}, backends_for_device("cpu"))
        ->plan()
        ->packed;
  };
  const auto first = pack(), second = pack();
  ASSERT_EQ(first.size(), second.size());
  for (size_t i = 0; i < first.size(); ++i) {
    ASSERT_EQ(first[i].size(), second[i].size());
    for (size_t j = 0; j < first[i].size(); ++j) {
      EXPECT_EQ(first[i][j].layout, second[i][j].layout);
      ASSERT_EQ(first[i][j].bytes, second[i][j].bytes);
      EXPECT_EQ(std::memcmp(first[i][j].data.get(), second[i][j].data.get(), first[i][j].bytes), 0);
    }
  }
}

}  // namespace
}  // namespace tendon
