// DataLoader: Polygraphy's numbers; DataSource: everything that yields inputs; files of inputs.
#include <gtest/gtest.h>
#include <tendon/data_loader.h>

#include "support/files.h"
#include "support/networks.h"

namespace tendon {
namespace {

using testing::expect_bad_input;
using testing::expect_error;
using testing::TempDir;

std::vector<TensorInfo> mixed_inputs() {
  const auto vector_of = [](const char* name, DataType dtype, int64_t size) {
    return TensorInfo{name, dtype, {Axis::of(size)}};
  };
  return {vector_of("f", DataType::kFloat32, 4), vector_of("i8", DataType::kInt8, 6),
          vector_of("b", DataType::kBool, 9),    vector_of("i64", DataType::kInt64, 5),
          vector_of("i32", DataType::kInt32, 5), vector_of("i16", DataType::kInt16, 5),
          vector_of("h", DataType::kFloat16, 3)};
}

using Doubles = std::vector<double>;

// The expected values were printed by Polygraphy 0.53.6 with numpy.
TEST(DataLoader, GivesPolygraphysValues) {
  const DataLoader loader({.seed = 7,
                           .iterations = 2,
                           .val_range = {{"", {-2, 5}}, {"f", {-1, 1}}},
                           .input_metadata = mixed_inputs()});
  const TensorMap first = loader[0];
  EXPECT_EQ(to_doubles(first.at("f")), Doubles({-0.847383439540863, 0.5598375797271729,
                                                -0.1231815367937088, 0.4469303488731384}));
  EXPECT_EQ(to_doubles(first.at("i8")), Doubles({2, 3, 3, 0, -1, 2}));
  EXPECT_EQ(to_doubles(first.at("b")), Doubles(9, 1.0));
  EXPECT_EQ(to_doubles(first.at("i64")), Doubles({4, 5, -2, -1, 4}));
  EXPECT_EQ(to_doubles(first.at("i32")), Doubles({0, 0, -2, 5, 4}));
  EXPECT_EQ(to_doubles(first.at("i16")), Doubles({2, 0, -2, -1, 5}));
  EXPECT_EQ(to_doubles(first.at("h")), Doubles({0.31591796875, 0.75048828125, 2.720703125}));
  EXPECT_EQ(to_doubles(loader[1].at("i16")), Doubles({-1, 1, 3, 0, 5}));
}

TEST(DataLoader, DefaultsAreZeroToOneWithBothEndsForIntegers) {
  std::vector<TensorInfo> inputs = mixed_inputs();
  inputs.insert(inputs.begin() + 5, {"u8", DataType::kUInt8, {Axis::of(5)}});
  const TensorMap item = DataLoader({.input_metadata = inputs})[0];
  EXPECT_EQ(to_doubles(item.at("f")), Doubles({0.4170219898223877, 0.7203245162963867,
                                               0.00011437481589382514, 0.3023325800895691}));
  EXPECT_EQ(to_doubles(item.at("i8")), Doubles({1, 1, 1, 1, 0, 1}));
  EXPECT_EQ(to_doubles(item.at("b")), Doubles({0, 0, 0, 0, 1, 0, 0, 1, 0}));
  EXPECT_EQ(to_doubles(item.at("u8")), Doubles({1, 1, 0, 0, 0}));
  EXPECT_EQ(to_doubles(item.at("i16")), Doubles({0, 0, 1, 0, 0}));
}

TEST(DataLoader, AnOpenAxisTakesItsSmallestSize) {
  DataLoader loader;
  loader.set_input_metadata({{"x", DataType::kFloat32, {{2, 8, "n"}, Axis::of(3)}}});
  EXPECT_EQ(loader[0].at("x").shape(), Shape({2, 3}));
}

TEST(DataLoader, RefusesNonsense) {
  const std::vector<TensorInfo> bytes = {{"x", DataType::kUInt8, {Axis::of(3)}}};
  expect_error(ErrorKind::kUsage, {".iterations is -1"}, [] { DataLoader({.iterations = -1}); });
  expect_error(ErrorKind::kUsage, {"(2, 1)", "smaller one first"}, [] {
    DataLoader({.val_range = {{"", {2, 1}}}});
  });
  expect_error(ErrorKind::kUsage, {"nothing says which inputs"}, [] { DataLoader()[0]; });
  expect_error(ErrorKind::kUsage, {"item 1", "there are 1"},
               [&] { DataLoader({.input_metadata = bytes})[1]; });
  expect_error(ErrorKind::kUsage, {"'X'", "did you mean 'x'?"}, [&] {
    DataLoader({.val_range = {{"X", {0, 1}}}, .input_metadata = bytes})[0];
  });
  for (const ValueRange range : {ValueRange{-1, 1}, ValueRange{0, 256}}) {
    expect_error(ErrorKind::kUsage, {"'x' is uint8", "val_range"}, [&] {
      DataLoader({.val_range = {{"", range}}, .input_metadata = bytes})[0];
    });
  }
}

std::vector<TensorMap> all_of(const DataSource& source) {
  std::vector<TensorMap> items;
  const DataSource::Next next = source.start(mixed_inputs());
  while (auto item = next()) items.push_back(*item);
  EXPECT_EQ(next(), std::nullopt) << "the end stays the end";
  return items;
}

struct Frame {
  int64_t step;
  TensorMap inputs;
};

TEST(DataSource, TakesLoadersVectorsAndFrames) {
  const std::vector<TensorMap> maps = {testing::small_inputs(1), testing::small_inputs(2)};
  EXPECT_EQ(all_of(maps), maps);
  EXPECT_EQ(all_of(std::vector(maps)), maps);
  const DataSource twice(maps);
  EXPECT_EQ(all_of(twice), all_of(twice)) << "each start() is a new pass";
  EXPECT_EQ(all_of(std::vector<Frame>{{0, maps[0]}, {5, maps[1]}}), maps);
  EXPECT_EQ(all_of(DataLoader({.iterations = 3})).size(), 3u);
  EXPECT_EQ(all_of(std::vector<TensorMap>{}).size(), 0u);
}

TEST(TensorMaps, RoundTripInBothForms) {
  const TempDir dir;
  const std::vector<TensorMap> maps = {testing::small_inputs(1),
                                       testing::small_inputs(2),
                                       {{"/odd/name", Tensor::from<int64_t>({2}, {1, -5})}}};
  for (const char* file : {"inputs.npz", "inputs.json"}) {
    EXPECT_EQ(save_tensor_maps(maps, dir / file), maps);
    EXPECT_EQ(tensor_maps_from_path(dir / file), maps) << file;
    EXPECT_EQ(TensorMapsFromPath(dir / file)(), maps) << file;
  }
}

TEST(TensorMaps, ReadsWhatPolygraphyAndNumpyWrite) {
  const TempDir dir;
  testing::write_text(
      dir / "inputs.json",
      R"([{"x": {"array": ")"
      R"(k05VTVBZAQB2AHsnZGVzY3InOiAnPGk4JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBl)"
      R"(JzogKDEsIDIpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg)"
      R"(ICAgICAgICAgICAgIAoBAAAAAAAAAAIAAAAAAAAA)"
      R"(", )"
      R"("polygraphy_class": "ndarray"}}])");
  const std::vector<TensorMap> expected = {{{"x", Tensor::from<int64_t>({1, 2}, {1, 2})}}};
  EXPECT_EQ(tensor_maps_from_path(dir / "inputs.json"), expected);
  const auto reference =
      tensor_maps_from_path(testing::source_path("examples/transfer_cube/reference.npz"));
  ASSERT_EQ(reference.size(), 1u) << "plain names are one iteration";
  EXPECT_EQ(reference[0].at("action").shape(), Shape({8, 100, 14}));
}

TEST(TensorMaps, BadFilesAreNamed) {
  const TempDir dir;
  const struct {
    const char* text;
    std::vector<std::string> says;
  } cases[] = {
      {"{}", {"expected a list"}},
      {"[3]", {"iteration 0", "expected an object"}},
      {R"([{"x": 3}])", {"iteration 0, array 'x'", "polygraphy_class"}},
      {R"([{"x": {"polygraphy_class": "Tensor", "tensor": "AA=="}}])", {"pickle", "numpy arrays"}},
      {R"([{"x": {"polygraphy_class": "Profile"}}])", {"class 'Profile'", "'ndarray'"}},
      {R"([{"x": {"polygraphy_class": "ndarray", "array": "AAA"}}])", {"multiple of 4"}},
      {R"([{"x": {"polygraphy_class": "ndarray", "array": "A A="}}])", {"character 1", "base64"}},
      {R"([{"x": {"polygraphy_class": "ndarray", "array": "gASVCgAAAAAAAACMBQ=="}}])", {".npy"}},
  };
  for (const auto& [text, says] : cases) {
    testing::write_text(dir / "bad.json", text);
    for (const std::string& part : says) {
      expect_bad_input({"bad.json", part}, [&] { tensor_maps_from_path(dir / "bad.json"); });
    }
  }
  expect_error(ErrorKind::kUsage, {"neither in .npz nor in .json"},
               [] { tensor_maps_from_path("inputs.txt"); });
}

TEST(Unstack, CutsTheFirstAxisAndKeepsItAsOne) {
  const std::vector<TensorMap> rows = unstack({{"a", Tensor::from<float>({2, 2}, {1, 2, 3, 4})},
                                               {"b", Tensor::from<int64_t>({2}, {5, 6})}});
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[1].at("a"), Tensor::from<float>({1, 2}, {3, 4}));
  EXPECT_EQ(rows[1].at("b"), Tensor::from<int64_t>({1}, {6}));
  expect_error(ErrorKind::kUsage, {"'b' has shape (1,)", "'a' has 2"}, [] {
    unstack({{"a", Tensor(DataType::kBool, {2})}, {"b", Tensor(DataType::kBool, {1})}});
  });
  expect_error(ErrorKind::kUsage, {"'a' is a scalar"}, [] {
    unstack({{"a", Tensor::scalar(1.f)}});
  });
}

}  // namespace
}  // namespace tendon
