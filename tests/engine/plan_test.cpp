// Layout of a plan: views, in-place work, outputs, unread constants.
#include "engine/plan.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "backends/reference/reference.h"
#include "engine/context.h"
#include "support/graphs.h"
#include "support/toy_backend.h"

namespace tendon {
namespace {

using testing::GraphBuilder;
using testing::ToyBackend;
using Place = Operand::Place;

std::shared_ptr<ExecutionPlan> plan_of(const Graph& graph, Backend& first) {
  Backend* const backends[] = {&first, &reference_backend()};
  return make_plan(graph, backends, {});
}

TensorMap run(const Graph& graph, Backend& first, const TensorMap& inputs) {
  Backend* const backends[] = {&first, &reference_backend()};
  ExecutionContext context(build_engine(graph, {.optimise = false}, backends));
  return context.infer(inputs);
}

TEST(Plan, AChainWorksInPlaceInTheCallersOutput) {
  GraphBuilder b;
  ValueId x = b.input("x", {100});
  for (int i = 0; i < 5; ++i) x = b.node(Unary{UnaryKind::kTanh}, {x});
  b.output(x);
  ToyBackend toy;
  const auto plan = plan_of(b.done(), toy);
  EXPECT_EQ(plan->arena_bytes, 0u);
  EXPECT_EQ(plan->steps[0].inputs[0].place, Place::kInput) << "the caller's input is not written";
  EXPECT_EQ(plan->steps[0].outputs[0].place, Place::kOutput);
  EXPECT_EQ(plan->steps[4].inputs[0].place, Place::kOutput);
}

TEST(Plan, ViewsTakeNoStepAndNoMemory) {
  GraphBuilder b;
  const ValueId x = b.input("x", {2, 50});
  const ValueId a = b.node(Unary{UnaryKind::kExp}, {x});
  const ValueId v = b.node(Reshape{}, {a, b.ints({50, 2})});
  const ValueId c = b.node(Binary{BinaryKind::kAdd}, {v, v});
  b.output(b.node(Reshape{}, {c, b.ints({100})}));
  ToyBackend toy({{"toy:unary", testing::make_toy_unary}});
  const auto plan = plan_of(b.done(), toy);
  EXPECT_EQ(plan->steps.size(), 2u);
  EXPECT_EQ(plan->views, 2u);
  EXPECT_EQ(plan->arena_bytes, 448u) << "only the result of Exp, 100 floats rounded up";
  EXPECT_TRUE(plan->constants.empty()) << "shapes are not kept";
}

class AliasKernel final : public Kernel {
 public:
  void run(const KernelArguments&) const override {}
  int alias_input() const override { return 0; }
};
Offer make_alias(const KernelRequest& request) {
  if (!std::holds_alternative<Observe>(request.node.op)) return Declined{};
  return std::make_unique<AliasKernel>();
}

TEST(Plan, AliasesShareTheirInputWhateverElseReadsIt) {
  GraphBuilder b;
  const ValueId x = b.input("x", {100});
  const ValueId a = b.node(Unary{UnaryKind::kExp}, {x});
  const ValueId seen = b.node(Observe{}, {b.node(Reshape{}, {a, b.ints({10, 10})})});
  const ValueId flat = b.node(Reshape{}, {seen, b.ints({100})});
  const ValueId c = b.node(Binary{BinaryKind::kMul}, {a, flat});
  b.output(b.node(Binary{BinaryKind::kAdd}, {flat, c}));
  b.output(b.node(Observe{}, {x}));
  const Graph graph = b.done();
  ToyBackend toy({{"toy:alias", make_alias}, {"toy:unary", testing::make_toy_unary}});
  const auto plan = plan_of(graph, toy);
  EXPECT_EQ(plan->steps.size(), 5u);
  const auto step = [&](size_t i) { return plan->steps[i]; };
  for (size_t i = 0; i < plan->steps.size(); ++i) {
    if (plan->layers[i].type != "Observe") continue;
    EXPECT_EQ(step(i).inputs[0].place, step(i).outputs[0].place);
    EXPECT_EQ(step(i).inputs[0].at, step(i).outputs[0].at);
  }
  const TensorMap inputs = testing::random_inputs(graph);
  EXPECT_EQ(run(graph, toy, inputs), testing::run_reference(graph, inputs));
}

TEST(Plan, AValueThatIsStillReadIsNotOverwritten) {
  GraphBuilder b;
  const ValueId x = b.input("x", {64});
  const ValueId a = b.node(Unary{UnaryKind::kExp}, {x});
  const ValueId n = b.node(Unary{UnaryKind::kNeg}, {a});
  b.output(b.node(Binary{BinaryKind::kSub}, {a, n}));
  ToyBackend toy;
  const Graph graph = b.done();
  const TensorMap inputs = testing::random_inputs(graph);
  EXPECT_EQ(
      testing::max_abs_difference(run(graph, toy, inputs), testing::run_reference(graph, inputs)),
      0);
}

TEST(Plan, OutputsThatShareBytesAreCopied) {
  GraphBuilder b;
  const ValueId x = b.input("x", {2, 3});
  const ValueId a = b.node(Unary{UnaryKind::kExp}, {x}, "a");
  b.output(a);
  b.output(b.node(Reshape{}, {a, b.ints({6})}, "view of a"));
  b.output(b.node(Identity{}, {x}, "view of x"));
  b.output(b.node(Identity{}, {b.constant(Tensor::from<float>({2}, {1, 2}))}, "constant"));
  const Graph graph = b.done();
  ToyBackend toy;
  EXPECT_EQ(plan_of(graph, toy)->copies.size(), 3u);
  const TensorMap inputs = testing::random_inputs(graph);
  EXPECT_EQ(
      testing::max_abs_difference(run(graph, toy, inputs), testing::run_reference(graph, inputs)),
      0);
}

class Packed : public Kernel {
 public:
  void run(const KernelArguments& arguments) const override {
    EXPECT_EQ(arguments.inputs[1], nullptr);
    static_cast<float*>(arguments.outputs[0])[0] = 7;
    static_cast<float*>(arguments.outputs[0])[1] = 8;
  }
  bool reads_constant(size_t input) const override { return input != 1; }
  size_t packed_bytes() const override { return 40; }
};

TEST(Plan, ConstantsThatKernelsPackedAreNotKept) {
  GraphBuilder b;
  const ValueId x = b.input("x", {2});
  b.output(b.node(Binary{BinaryKind::kAdd}, {x, b.random_constant({2})}, "y"));
  ToyBackend toy(
      {{"packed", [](const KernelRequest&) -> Offer { return std::make_unique<Packed>(); }}});
  const Graph graph = b.done();
  const auto plan = plan_of(graph, toy);
  EXPECT_TRUE(plan->constants.empty());
  EXPECT_EQ(plan->packed_bytes, 40u);
  EXPECT_EQ(run(graph, toy, testing::random_inputs(graph)).at("y"),
            Tensor::from<float>({2}, {7, 8}));
}

TEST(Plan, RandomGraphsGiveTheReferencesResults) {
  ToyBackend toy;
  for (uint32_t seed = 0; seed < 150; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    GraphBuilder b;
    std::vector<ValueId> values = {b.input("x", {4, 6}), b.input("y", {4, 6}),
                                   b.random_constant({4, 6})};
    const int nodes = 2 + static_cast<int>(random() % 30);
    for (int i = 0; i < nodes; ++i) {
      const ValueId a = values[random() % values.size()];
      const ValueId c = values[random() % values.size()];
      switch (random() % 4) {
        case 0: values.push_back(b.node(Unary{UnaryKind::kSin}, {a})); break;
        case 1: values.push_back(b.node(Binary{BinaryKind::kAdd}, {a, c})); break;
        case 2: values.push_back(b.node(Softmax{.axis = 0}, {a})); break;
        default: {
          const ValueId flat = b.node(Reshape{}, {a, b.ints({24})});
          values.push_back(b.node(Reshape{}, {flat, b.ints({4, 6})}));
        }
      }
    }
    b.output(values.back());
    b.output(b.node(Unary{UnaryKind::kNeg}, {values[values.size() / 2]}, "middle"));
    const Graph graph = b.done();
    const TensorMap inputs = testing::random_inputs(graph, seed);
    EXPECT_LT(
        testing::max_abs_difference(run(graph, toy, inputs), testing::run_reference(graph, inputs)),
        1e-5);
  }
}

/// Joins along the first axis, and counts the inputs that it had to copy.
class JoinKernel final : public Kernel {
 public:
  static inline int copies = 0;
  explicit JoinKernel(const KernelRequest& request) {
    for (const Argument& input : request.inputs) {
      offsets_.push_back(bytes_);
      bytes_ += byte_size(input.type);
    }
    offsets_.push_back(bytes_);
  }
  void run(const KernelArguments& arguments) const override {
    auto* to = static_cast<std::byte*>(arguments.outputs[0]);
    for (size_t i = 0; i < arguments.inputs.size(); ++i) {
      if (arguments.inputs[i] == to + offsets_[i]) continue;
      std::memmove(to + offsets_[i], arguments.inputs[i], offsets_[i + 1] - offsets_[i]);
      ++copies;
    }
  }
  std::optional<size_t> place_in_output(size_t input) const override { return offsets_[input]; }

 private:
  size_t bytes_ = 0;
  std::vector<size_t> offsets_;
};
Offer make_join(const KernelRequest& request) {
  if (!std::holds_alternative<Concat>(request.node.op)) return Declined{};
  return std::make_unique<JoinKernel>(request);
}
ToyBackend joining_backend() {
  return ToyBackend({{"toy:join", make_join}, {"toy:unary", testing::make_toy_unary}});
}

/// Expects the reference's results, and returns how many inputs of Concats were copied.
int copies_in(const Graph& graph) {
  ToyBackend toy = joining_backend();
  const TensorMap inputs = testing::random_inputs(graph);
  const TensorMap expected = testing::run_reference(graph, inputs);
  JoinKernel::copies = 0;
  EXPECT_LT(testing::max_abs_difference(run(graph, toy, inputs), expected), 1e-5);
  return JoinKernel::copies;
}

TEST(Plan, PartsAreMadeWhereTheyAreJoined) {
  GraphBuilder b;
  const ValueId x = b.input("x", {16});
  const ValueId a = b.node(Unary{UnaryKind::kExp}, {x});
  const ValueId c = b.node(Reshape{}, {b.node(Unary{UnaryKind::kSin}, {x}), b.ints({1, 16})});
  const ValueId inner =
      b.node(Concat{}, {b.node(Reshape{}, {a, b.ints({1, 16})}), c, b.random_constant({2, 16})});
  const ValueId d = b.node(Reshape{}, {b.node(Unary{UnaryKind::kTanh}, {a}), b.ints({1, 16})});
  const ValueId joined = b.node(Concat{}, {d, inner});
  b.output(b.node(Unary{UnaryKind::kNeg}, {joined}));
  b.output(b.node(Softmax{}, {inner}));
  EXPECT_EQ(copies_in(b.done()), 1) << "only the constant";
}

TEST(Plan, WhatCannotBeAPartIsCopied) {
  GraphBuilder b;
  const ValueId x = b.input("x", {16});
  const ValueId shown = b.node(Unary{UnaryKind::kExp}, {x});
  const ValueId twice = b.node(Unary{UnaryKind::kSin}, {x});
  const ValueId unaligned = b.node(Unary{UnaryKind::kTanh}, {x});
  b.output(shown);
  b.output(b.node(Unary{UnaryKind::kNeg},
                  {b.node(Concat{}, {twice, x, shown, twice, b.random_constant({3}), unaligned})}));
  b.output(b.node(Concat{}, {b.node(Unary{UnaryKind::kNeg}, {x}), twice}));
  EXPECT_EQ(copies_in(b.done()), 7);
}

TEST(Plan, ASmallPartKeepsNoMemoryForItsWhole) {
  GraphBuilder b;
  const ValueId small = b.node(Unary{UnaryKind::kExp}, {b.input("small", {16})});
  const ValueId wide = b.node(Unary{UnaryKind::kSin}, {b.input("x", {4, 1600})});
  const Reduce sum{.kind = ReduceKind::kSum, .keepdims = false};
  const ValueId large = b.node(sum, {b.node(Softmax{}, {wide}), b.ints({0})});
  b.output(b.node(Softmax{}, {b.node(Concat{}, {small, large})}));
  const Graph graph = b.done();
  ToyBackend toy = joining_backend();
  EXPECT_EQ(plan_of(graph, toy)->arena_bytes, 64u + 2 * 4 * 6400u);
  EXPECT_EQ(copies_in(graph), 1);
}

TEST(Plan, RandomGraphsWithPartsGiveTheReferencesResults) {
  for (uint32_t seed = 0; seed < 150; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    GraphBuilder b;
    // Rows of 16 and, where a value is unaligned as a part, of 4 floats.
    const int64_t columns = seed % 3 == 0 ? 4 : 16;
    std::vector<ValueId> values = {b.input("x", {columns}), b.random_constant({columns})};
    const int nodes = 2 + static_cast<int>(random() % 25);
    const auto any = [&] { return values[random() % values.size()]; };
    for (int i = 0; i < nodes; ++i) {
      if (random() % 2 == 0) {
        values.push_back(b.node(Unary{random() % 2 ? UnaryKind::kSin : UnaryKind::kNeg}, {any()}));
        continue;
      }
      ValueId joined = b.node(Concat{}, {any(), any()});
      if (random() % 2) joined = b.node(Concat{}, {any(), joined});
      if (random() % 2) joined = b.node(Unary{UnaryKind::kSin}, {joined});
      const ValueId rows = b.node(Reshape{}, {joined, b.ints({-1, columns})});
      const Reduce sum{.kind = ReduceKind::kSum, .keepdims = false};
      values.push_back(b.node(sum, {rows, b.ints({0})}));
    }
    b.output(values.back());
    b.output(b.node(Unary{UnaryKind::kNeg}, {values[values.size() / 2]}, "middle"));
    copies_in(b.done());
  }
}

}  // namespace
}  // namespace tendon
