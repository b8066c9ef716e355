// Rows drawn from frames, and the error behind the layers that read them.
#include "quant/samples.h"

#include <gtest/gtest.h>

#include <cmath>

#include "passes/pipeline.h"
#include "quant/output_error.h"
#include "support/graphs.h"

namespace tendon {
namespace {

using testing::GraphBuilder;

Conv strided() {
  Conv conv;
  conv.pads = {1, 1, 1, 1};
  conv.strides = {2, 2};
  return conv;
}

/// image -> conv -> relu -> tokens -> product.
Graph network() {
  GraphBuilder b;
  const ValueId x =
      b.node(strided(), {b.input("image", {1, 3, 8, 6}), b.random_constant({4, 3, 3, 3})}, "conv");
  const ValueId relu = b.node(Unary::of(UnaryKind::kRelu), {x}, "relu");
  const ValueId flat = b.node(Reshape{}, {relu, b.ints({1, 4, 12})});
  const ValueId tokens = b.node(Transpose{.perm = {0, 2, 1}}, {flat}, "tokens");
  b.output(b.node(Gemm{.trans_b = true},
                  {b.node(Reshape{}, {tokens, b.ints({12, 4})}), b.random_constant({5, 4})},
                  "gemm"));
  Graph graph = b.done();
  run_passes(graph, {.stage = PassStage::kCanonical});
  return graph;
}

std::vector<Consumer> consumers() {
  const Graph graph = network();
  return consumers_of(graph, calibrated_values(graph));
}

TEST(Consumers, AreTheLayersWithWeights) {
  const auto found = consumers();
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].source, "image");
  EXPECT_EQ(found[0].width(), 27);
  EXPECT_EQ(found[0].window.size(), 2u);
  EXPECT_EQ(found[1].width(), 4);
  EXPECT_EQ(found[1].outputs(), 5);
  EXPECT_EQ(found[1].matrix().shape(), (Shape{4, 5}));
}

/// The outputs of `consumer` for its rows must occur among the layer's outputs on the frame.
void expect_rows_of(const Consumer& consumer, const RowSample& sample, const Tensor& outputs,
                    int channel_axis) {
  const AxisSplit split = split_at(outputs.shape(), channel_axis);
  const auto all = outputs.data<float>();
  const Tensor matrix = consumer.matrix();
  const auto weights = matrix.data<float>();
  ASSERT_FALSE(sample.rows().empty());
  for (const RowSample::Row& row : sample.rows()) {
    std::vector<double> expected(static_cast<size_t>(split.count));
    for (size_t k = 0; k < row.elements.size(); ++k) {
      for (size_t n = 0; n < expected.size(); ++n) {
        expected[n] += static_cast<double>(row.elements[k]) *
                       static_cast<double>(weights[k * expected.size() + n]);
      }
    }
    double nearest = 1e9;
    for (int64_t place = 0; place < split.inner; ++place) {
      double worst = 0;
      for (size_t n = 0; n < expected.size(); ++n) {
        const auto at = static_cast<size_t>(static_cast<int64_t>(n) * split.inner + place);
        worst = std::max(worst, std::fabs(static_cast<double>(all[at]) - expected[n]));
      }
      nearest = std::min(nearest, worst);
    }
    EXPECT_LT(nearest, 1e-5);
  }
}

TEST(DrawRows, PatchesAreWhatTheConvolutionReads) {
  const Consumer conv = consumers()[0];
  const Tensor image = testing::random_tensor({1, 3, 8, 6});
  const Tensor outputs = strided().reference(std::vector<Tensor>{image, conv.weights})[0];
  RowSample first;
  draw_rows(conv, {image.data<float>().data(), image.shape(), 1}, {1, 2}, first);
  expect_rows_of(conv, first, outputs, 1);
  const Tensor last = Transpose{.perm = {0, 2, 3, 1}}.reference({&image, 1})[0];
  RowSample turned;
  draw_rows(conv, {last.data<float>().data(), last.shape(), 3}, {1, 2}, turned);
  EXPECT_EQ(turned, first) << "the layout makes no difference";
}

TEST(DrawRows, FramesInAnyOrderLeaveTheSameRows) {
  const Consumer gemm = consumers()[1];
  const auto draw = [&](uint64_t frame, RowSample& sample) {
    const Tensor x = testing::random_tensor({1, 4, 4, 3}, frame);
    draw_rows(gemm, {x.data<float>().data(), x.shape(), 1}, {frame, 7}, sample);
  };
  RowSample forward, backward, a, b;
  for (uint64_t frame = 0; frame < 40; ++frame) draw(frame, forward);
  for (uint64_t frame = 40; frame-- > 0;) draw(frame, backward);
  for (uint64_t frame = 0; frame < 40; ++frame) draw(frame, frame % 3 == 0 ? a : b);
  b.merge(a);
  EXPECT_EQ(forward.rows().size(), RowSample::kRows);
  EXPECT_EQ(backward, forward);
  EXPECT_EQ(b, forward);
}

TEST(OutputError, IsThatOfTheQuantisedRows) {
  const auto all = consumers();
  RowSamples samples;
  const Tensor x = testing::random_tensor({1, 4, 4, 3});
  draw_rows(all[1], {x.data<float>().data(), x.shape(), 1}, {1, 2}, samples["gemm"]);
  const OutputError error = output_error(all, samples, all[1].source, 127);
  ASSERT_TRUE(error);
  EXPECT_LT(error(4), 1e-3);
  EXPECT_GT(error(400), error(4)) << "coarse steps";
  EXPECT_GT(error(0.1), 0.1) << "clipped";
  EXPECT_FALSE(output_error(all, samples, "image", 127)) << "nothing was drawn of it";
}

}  // namespace
}  // namespace tendon
