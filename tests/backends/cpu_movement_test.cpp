// Kernels that move elements: exact on every element type.
#include <numeric>

#include "backends/cpu_kernel_case.h"
#include "support/graphs.h"
#include "support/run_on_all_backends.h"

namespace tendon::testing {
namespace {

constexpr auto kTypes = {DataType::kFloat32, DataType::kInt64, DataType::kUInt8, DataType::kFloat16,
                         DataType::kBool};

Tensor typed(Dice& dice, const Shape& shape, DataType type) {
  return cast(dice.tensor(shape), type);
}

Tensor int64s(const std::vector<int64_t>& values) {
  return Tensor::from<int64_t>(Shape{static_cast<int64_t>(values.size())}, values);
}

TEST(CpuMovement, TransposeMatchesReference) {
  for_random_cases([](Dice& dice) {
    const int64_t rank = dice.between(1, 5);
    Transpose op;
    op.perm.resize(static_cast<size_t>(rank));
    std::iota(op.perm.begin(), op.perm.end(), 0);
    for (size_t i = op.perm.size(); i-- > 1;) {
      std::swap(op.perm[i], op.perm[static_cast<size_t>(dice.between(0, static_cast<int64_t>(i)))]);
    }
    const Shape shape = dice.shape(rank, rank > 3 ? 9 : 40);
    expect_matches_reference("copy:transpose", {op, {typed(dice, shape, dice.pick(kTypes))}});
  });
}

TEST(CpuMovement, TransposeKnowsItsWays) {
  struct Row {
    std::vector<int64_t> perm;
    std::string method;
    Shape shape = {4, 5, 6};
  };
  const Row rows[] = {{{0, 1, 2}, "blocks"},
                      {{1, 0, 2}, "blocks"},
                      {{0, 2, 1}, "transposition"},
                      {{2, 1, 0}, "transposition"},
                      {{0, 2, 1}, "interleaving", {2, 3, 6}},
                      {{2, 1, 0}, "transposition", {3, 5, 6}}};
  for (const Row& row : rows) {
    const PreparedCase prepared({Transpose{.perm = row.perm}, {random_tensor(row.shape)}});
    EXPECT_EQ(prepared.kernel()->detail(), row.method);
  }
}

// Frames to channels-last, over more than one block and with a tail.
TEST(CpuMovement, InterleavesPlanes) {
  for_random_cases([](Dice& dice) {
    const Shape shape{dice.between(1, 2), dice.between(2, 5), dice.between(1, 90),
                      dice.between(1, 90)};
    expect_matches_reference("copy:transpose", {Transpose{.perm = {0, 2, 3, 1}},
                                                {typed(dice, shape, dice.pick(kTypes))}});
  });
}

TEST(CpuMovement, ExpandTileAndSliceMatchReference) {
  for_random_cases([](Dice& dice) {
    const int64_t rank = dice.between(1, 4);
    const Shape shape = dice.shape(rank, 12);
    const DataType type = dice.pick(kTypes);

    Shape narrow = shape;
    for (int axis = 0; axis < shape.rank(); ++axis) {
      if (dice.toss()) narrow[axis] = 1;
    }
    const Tensor wanted = int64s({shape.begin(), shape.end()});
    expect_matches_reference("copy:expand", {Expand{}, {typed(dice, narrow, type), wanted}, {1}});

    std::vector<int64_t> repeats;
    for (int64_t i = 0; i < rank; ++i) repeats.push_back(dice.between(1, 3));
    expect_matches_reference("copy:tile",
                             {Tile{}, {typed(dice, shape, type), int64s(repeats)}, {1}});

    std::vector<int64_t> starts, ends, axes, steps;
    for (int64_t axis = 0; axis < rank; ++axis) {
      const int64_t size = shape[static_cast<int>(axis)];
      const bool backward = dice.toss();
      const int64_t first = dice.between(0, size - 1);
      axes.push_back(axis);
      steps.push_back(backward ? -dice.between(1, 3) : dice.between(1, 3));
      starts.push_back(first);
      ends.push_back(backward ? -size - 1 : dice.between(first + 1, size));
    }
    expect_matches_reference("copy:slice", {Slice{},
                                            {typed(dice, shape, type), int64s(starts), int64s(ends),
                                             int64s(axes), int64s(steps)},
                                            {1, 2, 3, 4}});
  });
}

TEST(CpuMovement, ComputedBoundsAndSizesRunOnTheReference) {
  GraphBuilder b;
  const ValueId x = b.input("x", {4, 3});
  const ValueId rows = b.node(ShapeOf{.start = 1, .end = 2}, {x});
  b.output(b.node(Slice{}, {x, b.ints({0}), rows}));
  const ValueId sizes = b.node(Concat{.axis = 0}, {rows, b.ints({1})});
  for (const ValueId part : b.node(Split{.axis = 0}, {x, sizes}, 2, "split")) b.output(part);
  EXPECT_TRUE(runs_alike_on_all_backends(b.done()));
}

TEST(CpuMovement, ConcatSplitGatherAndWhereMatchReference) {
  for_random_cases([](Dice& dice) {
    const int64_t rank = dice.between(1, 4);
    const Shape shape = dice.shape(rank, 10);
    const DataType type = dice.pick(kTypes);
    const int64_t axis = dice.between(-rank, rank - 1);
    const int place = static_cast<int>(axis < 0 ? axis + rank : axis);

    std::vector<Tensor> parts;
    std::vector<int64_t> sizes;
    Shape whole = shape;
    whole[place] = 0;
    for (int64_t i = dice.between(1, 5); i > 0; --i) {
      Shape part = shape;
      part[place] = dice.between(0, 4);
      parts.push_back(typed(dice, part, type));
      sizes.push_back(part[place]);
      whole[place] += part[place];
    }
    if (whole[place] > 0) {
      expect_matches_reference("copy:concat", {Concat{.axis = axis}, parts});
      expect_matches_reference(
          "copy:split",
          {Split{.axis = axis}, {typed(dice, whole, type), int64s(sizes)}, {1}, sizes.size()});
    }

    std::vector<int64_t> indices;
    for (int64_t i = dice.between(1, 9); i > 0; --i) {
      indices.push_back(dice.between(-shape[place], shape[place] - 1));
    }
    const Tensor chosen = cast(int64s(indices), dice.pick({DataType::kInt32, DataType::kInt64}));
    expect_matches_reference("copy:gather",
                             {Gather{.axis = axis}, {typed(dice, shape, type), chosen}});

    Shape narrow = shape;
    narrow[place] = 1;
    expect_matches_reference("copy:where",
                             {Where{},
                              {typed(dice, dice.toss() ? narrow : shape, DataType::kBool),
                               typed(dice, shape, type), typed(dice, narrow, type)}});
    expect_matches_reference(
        "copy:cast", {Cast{.to = DataType::kFloat32},
                      {typed(dice, shape,
                             dice.pick({DataType::kUInt8, DataType::kInt32, DataType::kInt64,
                                        DataType::kBool}))}});
  });
}

TEST(CpuMovement, GatherRefusesAnIndexOutside) {
  const PreparedCase prepared({Gather{}, {random_tensor(Shape{4, 2}), int64s({0, 4})}});
  auto memory = prepared.memory();
  try {
    prepared.run(memory);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("index 4 is outside [-4, 4)"));
  }
}

}  // namespace
}  // namespace tendon::testing
