// Indexing, padding and what runs along an axis, on the cpu backend against the references.
#include <limits>

#include "backends/cpu_kernel_case.h"

namespace tendon::testing {
namespace {

constexpr auto kCommon = {DataType::kFloat32, DataType::kInt32, DataType::kInt64};
constexpr auto kAny = {DataType::kFloat32, DataType::kInt64, DataType::kUInt8, DataType::kFloat16};

/// Few different values, so that ties and repeated places come up.
Tensor coarse(Dice& dice, const Shape& shape, DataType dtype) {
  Tensor values(DataType::kFloat32, shape);
  for (float& value : values.mutable_data<float>()) {
    value = static_cast<float>(dice.between(-6, 6));
  }
  return cast(values, dtype);
}

/// Indices along an axis of `count` elements.
Tensor indices(Dice& dice, const Shape& shape, int64_t count) {
  Tensor places(DataType::kInt64, shape);
  for (int64_t& place : places.mutable_data<int64_t>()) place = dice.between(-count, count - 1);
  return dice.toss() ? places : cast(places, DataType::kInt32);
}

/// Indices of slices: the last axis names the axes of `data` behind `batch`.
Tensor slice_indices(Dice& dice, const Shape& shape, const Shape& data, int64_t batch) {
  Tensor places(DataType::kInt64, shape);
  int64_t i = 0;
  for (int64_t& place : places.mutable_data<int64_t>()) {
    const int64_t count = data[static_cast<int>(batch + i++ % shape.back())];
    place = dice.between(-count, count - 1);
  }
  return places;
}

std::string reduction_of(Dice& dice) { return dice.pick({"none", "add", "mul", "max", "min"}); }

TEST(CpuAxis, ElementsAtIndicesMatchReference) {
  for_random_cases([](Dice& dice) {
    const Shape data = dice.shape(dice.between(1, 4), 9);
    const int64_t axis = dice.between(-data.rank(), data.rank() - 1);
    Shape places = data;
    for (int i = 0; i < data.rank(); ++i) places[i] = dice.between(1, data[i]);
    const int along = normalize_axis(axis, data.rank());
    places[along] = dice.between(1, 12);
    const Tensor chosen = indices(dice, places, data[along]);
    expect_matches_reference("copy:gather_at", {GatherAt{GatherAtKind::kElements, axis, 0},
                                                {coarse(dice, data, dice.pick(kAny)), chosen}});
    const ScatterAt scatter{ScatterAtKind::kElements, axis, reduction_of(dice)};
    const DataType dtype = dice.pick(kCommon);
    expect_matches_reference(
        scatter.reduction == "none" ? "copy:scatter" : "loop:scatter",
        {scatter, {coarse(dice, data, dtype), chosen, coarse(dice, places, dtype)}});
  });
}

TEST(CpuAxis, SlicesAtIndicesMatchReference) {
  for_random_cases([](Dice& dice) {
    const Shape data = dice.shape(dice.between(1, 4), 7);
    const int64_t batch = dice.between(0, data.rank() - 1);
    const auto slice_of = [&](int64_t batches) {
      Shape places(data.dims().subspan(0, static_cast<size_t>(batches)));
      if (dice.toss()) places.push_back(dice.between(1, 5));
      places.push_back(dice.between(1, data.rank() - batches));
      return places;
    };
    const Shape places = slice_of(batch);
    expect_matches_reference("copy:gather_at", {GatherAt{GatherAtKind::kNd, 0, batch},
                                                {coarse(dice, data, dice.pick(kAny)),
                                                 slice_indices(dice, places, data, batch)}});
    const Shape targets = slice_of(0);
    Shape updates(targets.dims().subspan(0, static_cast<size_t>(targets.rank() - 1)));
    for (const int64_t dim : data.dims().subspan(static_cast<size_t>(targets.back()))) {
      updates.push_back(dim);
    }
    const ScatterAt scatter{ScatterAtKind::kNd, 0, reduction_of(dice)};
    const DataType dtype = dice.pick(kCommon);
    expect_matches_reference(scatter.reduction == "none" ? "copy:scatter" : "loop:scatter",
                             {scatter,
                              {coarse(dice, data, dtype), slice_indices(dice, targets, data, 0),
                               coarse(dice, updates, dtype)}});
  });
}

TEST(CpuAxis, RefusesIndicesBeyondTheAxis) {
  const Tensor data = random_tensor(Shape{3, 4});
  const Tensor beyond = Tensor::from<int64_t>(Shape{1, 2}, {0, 4});
  const KernelCase rows[] = {
      {GatherAt{GatherAtKind::kElements, 1, 0}, {data, beyond}},
      {GatherAt{GatherAtKind::kNd, 0, 0}, {data, beyond}},
      {ScatterAt{ScatterAtKind::kElements, 1, "none"}, {data, beyond, random_tensor(Shape{1, 2})}},
      {ScatterAt{ScatterAtKind::kNd, 0, "none"}, {data, beyond, random_tensor(Shape{1})}},
  };
  for (const KernelCase& row : rows) {
    const PreparedCase prepared(row);
    auto memory = prepared.memory();
    try {
      prepared.run(memory);
      ADD_FAILURE() << prepared.describe();
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kBadInput);
      EXPECT_STREQ(error.what(), "index 4 is outside [-4, 4)");
    }
  }
}

TEST(CpuAxis, PadMatchesReference) {
  for_random_cases([](Dice& dice) {
    const Shape data = dice.shape(dice.between(1, 4), 8);
    const Pad op{.mode = dice.pick({"constant", "edge", "reflect", "wrap"})};
    std::vector<int64_t> pads;
    for (int i = 0; i < 2 * data.rank(); ++i) {
      const int64_t dim = data[i % data.rank()];
      pads.push_back(
          dice.between(op.mode == "constant" ? -(dim / 2) : 0, std::max<int64_t>(0, dim - 1)));
    }
    const Tensor amounts = Tensor::from<int64_t>(Shape{std::ssize(pads)}, pads);
    const DataType dtype = dice.pick(kAny);
    const Tensor fill = dice.toss() ? coarse(dice, Shape{}, dtype) : Tensor();
    const KernelCase test{op, {coarse(dice, data, dtype), amounts, fill}, {1}};
    if (PreparedCase(test).types()[0].shape.element_count() == 0) return;
    expect_matches_reference("copy:pad", test);
  });
}

TEST(CpuAxis, ReductionsAndSumsMatchReference) {
  for_random_cases([](Dice& dice) {
    const Shape data = dice.shape(dice.between(1, 3), dice.toss() ? 9 : 80);
    const DataType dtype = dice.pick(kCommon);
    const int64_t axis = dice.between(-data.rank(), data.rank() - 1);
    const Tensor x = coarse(dice, data, dtype);
    expect_matches_reference("loop:arg_reduce",
                             {ArgReduce{dice.pick({ArgReduceKind::kMax, ArgReduceKind::kMin}), axis,
                                        dice.toss(), dice.toss()},
                              {x}});
    expect_matches_reference(
        "loop:cum_sum",
        {CumSum{.exclusive = dice.toss(), .reverse = dice.toss()}, {x, Tensor::scalar(axis)}, {1}});
    const int64_t k = dice.between(1, data[normalize_axis(axis, data.rank())]);
    expect_matches_reference("loop:top_k", {TopK{.axis = axis, .largest = dice.toss()},
                                            {x, Tensor::from<int64_t>(Shape{1}, {k})},
                                            {1},
                                            2});
  });
}

TEST(CpuAxis, FoldsMatchReference) {
  for_random_cases([](Dice& dice) {
    const Shape shape = dice.shape(dice.between(2, 4), 9);
    const Tensor x = dice.tensor(shape);
    const int64_t last = shape.rank() - 1;
    expect_matches_reference("loop:softmax", {Softmax{.axis = dice.between(0, last - 1)}, {x}});
    expect_matches_reference("loop:softmax", {LogSoftmax{.axis = dice.between(-1, last)}, {x}});
    std::vector<int64_t> axes{dice.between(0, last - 1)};
    if (dice.toss()) axes.push_back(last);
    const Tensor chosen = Tensor::from<int64_t>(Shape{std::ssize(axes)}, axes);
    for (const auto kind : {ReduceKind::kMax, ReduceKind::kMin, ReduceKind::kL1, ReduceKind::kL2,
                            ReduceKind::kProd, ReduceKind::kLogSumExp}) {
      expect_matches_reference("loop:reduce", {Reduce{kind, dice.toss(), false}, {x, chosen}, {1}});
    }
    expect_matches_reference(
        last == axes.back() && axes[0] + 1 == last ? "simd:reduce" : "loop:reduce",
        {Reduce{ReduceKind::kMean, false, false}, {x, chosen}, {1}});
  });
}

TEST(CpuAxis, NotANumberHasItsPlace) {
  Tensor x = random_tensor(Shape{6});
  x.mutable_data<float>()[2] = std::numeric_limits<float>::quiet_NaN();
  x.mutable_data<float>()[4] = std::numeric_limits<float>::quiet_NaN();
  const Tensor three = Tensor::from<int64_t>(Shape{1}, {3});
  for (const bool last : {false, true}) {
    for (const auto kind : {ArgReduceKind::kMax, ArgReduceKind::kMin}) {
      expect_matches_reference("loop:arg_reduce", {ArgReduce{kind, 0, true, last}, {x}});
    }
  }
  const PreparedCase top({TopK{}, {x, three}, {1}, 2});
  auto memory = top.memory();
  top.run(memory);
  EXPECT_THAT(memory.outputs[1].data<int64_t>(), ::testing::ElementsAre(2, 4, ::testing::_));
}

TEST(CpuAxis, DeclinesWithReason) {
  const Tensor x = random_tensor(Shape{3, 4});
  const PreparedCase moving({CumSum{}, {x, Tensor::scalar<int64_t>(0)}});
  EXPECT_EQ(moving.declined(), "needs a constant axis");
  const PreparedCase bytes({ArgReduce{}, {cast(x, DataType::kUInt8)}});
  EXPECT_EQ(bytes.declined(), "needs float32, int32 or int64, got uint8");
}

}  // namespace
}  // namespace tendon::testing
