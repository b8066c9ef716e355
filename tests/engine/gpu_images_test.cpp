#include "engine/gpu_images.h"

#include <gmock/gmock.h>

#include "support/graphs.h"

namespace tendon {
namespace {

using testing::GraphBuilder;

/// frames -> Sub(mean) -> Conv -> Relu -> MaxPool -> y
struct Stem {
  Graph graph;
  Ranges ranges;

  explicit Stem(int64_t kernel, bool byte_exact = true) {
    GraphBuilder b;
    const ValueId frames = b.input("frames", {1, 3, 20, 24});
    const ValueId centred =
        b.node(Binary{BinaryKind::kSub}, {frames, b.random_constant({1, 3, 1, 1})}, "centred");
    Conv conv;
    conv.strides = {2, 2};
    conv.pads = std::vector<int64_t>(4, kernel / 2);
    const ValueId y =
        b.node(conv, {centred, b.random_constant({16, 3, kernel, kernel}), b.random_constant({16})},
               "conv");
    MaxPool pool;
    pool.kernel_shape = {3, 3};
    pool.strides = {2, 2};
    pool.pads = {1, 1, 1, 1};
    b.output(b.node(pool, {b.node(Unary{UnaryKind::kRelu}, {y}, "relu")}, "pool"));
    graph = b.done();
    TensorRange range;
    range.amax = range.max = 1;
    range.byte_exact = byte_exact;
    ranges["frames"] = range;
    ranges["centred"] = range;
  }
};

TEST(GpuImages, AStemWithItsPoolReadsBytes) {
  Stem stem(7);
  EXPECT_EQ(exact_images_for_gpu(stem.graph, stem.ranges), 1);
  QuantizationPlan plan{.int8_layers = {"conv"}};
  keep_images_in_floats(stem.graph, plan);
  EXPECT_TRUE(plan.int8_layers.contains("conv"));
}

TEST(GpuImages, OthersStayInFloats) {
  for (const bool exact : {true, false}) {
    Stem stem(exact ? 5 : 7, exact);
    EXPECT_EQ(exact_images_for_gpu(stem.graph, stem.ranges), 0);
    QuantizationPlan plan{.int8_layers = {"conv"}};
    keep_images_in_floats(stem.graph, plan);
    EXPECT_FALSE(plan.int8_layers.contains("conv"));
    EXPECT_THAT(plan.kept["conv"], ::testing::HasSubstr("images of 3 channels"));
  }
}

}  // namespace
}  // namespace tendon
