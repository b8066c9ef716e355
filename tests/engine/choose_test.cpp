// Kernel choice: order of rows, kept refusals, hints, and the message when nobody offers.
#include "engine/choose.h"

#include <gmock/gmock.h>

#include "backends/reference/reference.h"
#include "support/graphs.h"
#include "support/toy_backend.h"

namespace tendon {
namespace {

using testing::GraphBuilder;
using ::testing::HasSubstr;
using testing::ToyBackend;

Graph softmax_of_sum() {
  GraphBuilder b;
  const ValueId x = b.input("x", {2, 3});
  const ValueId y = b.input("y", {2, 3});
  const ValueId sum = b.node(Binary{BinaryKind::kAdd}, {x, y}, "sum");
  const ValueId flat = b.node(Reshape{}, {sum, b.ints({6})}, "flat");
  b.output(b.node(Softmax{}, {flat}, "softmax"));
  return b.done();
}

TEST(Choose, FirstRowThatOffersWinsAndRefusalsAreKept) {
  ToyBackend toy({{"never", testing::refuse}, {"toy:binary", testing::make_toy_binary}});
  Backend* const backends[] = {&toy, &reference_backend()};
  const auto layers = choose_kernels(softmax_of_sum(), backends, {});
  ASSERT_EQ(layers.size(), 2u) << "the Reshape is a view";
  EXPECT_EQ(layers[0].record.name, "sum");
  EXPECT_EQ(layers[0].record.type, "Add");
  EXPECT_EQ(layers[0].record.backend, "toy");
  EXPECT_EQ(layers[0].record.kernel, "toy:binary");
  EXPECT_EQ(layers[0].record.detail, "plain loop");
  ASSERT_EQ(layers[0].record.declines.size(), 1u);
  EXPECT_EQ(layers[0].record.declines[0].kernel, "toy/never");
  EXPECT_EQ(layers[0].record.declines[0].reason, "is never willing");
  EXPECT_EQ(layers[1].record.backend, "reference");
  EXPECT_EQ(layers[1].record.declines.size(), 1u) << "a row for another operator is not listed";
}

TEST(Choose, HintsAreAskedFirstAndIgnoredWhenTheyDecline) {
  ToyBackend toy;
  Backend* const backends[] = {&toy, &reference_backend()};
  const KernelName hints[] = {{"reference", "reference"}, {"toy", "toy:unary"}};
  const auto layers = choose_kernels(softmax_of_sum(), backends, {1, hints, {}});
  EXPECT_EQ(layers[0].record.backend, "reference");
  EXPECT_EQ(layers[1].record.backend, "reference");
  const KernelName too_few[] = {{"reference", "reference"}};
  EXPECT_EQ(choose_kernels(softmax_of_sum(), backends, {1, too_few, {}})[0].record.backend, "toy");
}

TEST(Choose, AnAbsentBackendIsNotAsked) {
  ToyBackend toy;
  toy.missing = "needs AVX-512";
  Backend* const backends[] = {&toy, &reference_backend()};
  EXPECT_EQ(choose_kernels(softmax_of_sum(), backends, {})[0].record.backend, "reference");
}

TEST(Choose, NobodyOffersNamesTheNodeAndEveryReason) {
  ToyBackend absent({}, "far");
  absent.missing = "needs another machine";
  ToyBackend toy({{"never", testing::refuse}});
  Backend* const backends[] = {&absent, &toy};
  try {
    choose_kernels(softmax_of_sum(), backends, {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUnsupported);
    EXPECT_THAT(error.what(), HasSubstr("[Add 'sum']"));
    EXPECT_THAT(error.what(), HasSubstr("far: needs another machine"));
    EXPECT_THAT(error.what(), HasSubstr("toy/never: is never willing"));
  }
}

TEST(Choose, MultiplyAddsAndWeights) {
  GraphBuilder b;
  const ValueId x = b.input("x", {2, 3, 8, 8});
  const ValueId w = b.random_constant({4, 3, 3, 3});
  const ValueId y = b.node(Conv{}, {x, w}, "conv");
  const ValueId flat = b.node(Reshape{}, {y, b.ints({2, 144})}, "flat");
  b.output(b.node(MatMul{}, {flat, b.random_constant({144, 5})}, "product"));
  Backend* const backends[] = {&reference_backend()};
  const auto layers = choose_kernels(b.done(), backends, {});
  EXPECT_EQ(layers[0].record.multiply_adds, 2 * 4 * 6 * 6 * 27);
  EXPECT_EQ(layers[0].record.weight_bytes, 4 * 27 * 4);
  EXPECT_EQ(layers[0].record.bytes_moved, 4 * (2 * 3 * 8 * 8 + 4 * 27 + 2 * 4 * 6 * 6));
  EXPECT_EQ(layers[1].record.multiply_adds, 2 * 5 * 144);
}

}  // namespace
}  // namespace tendon
