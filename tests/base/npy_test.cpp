#include "base/npy.h"

#include "base/byte_reader.h"
#include "base/npz.h"
#include "support/files.h"

namespace tendon {
namespace {

using testing::expect_bad_input;
using testing::expect_error;
using testing::TempDir;

std::string npy(std::string_view dict, std::string_view data, char major = 1) {
  std::string text(dict);
  text += '\n';
  std::string file = "\x93NUMPY";
  file += major;
  file += '\0';
  file += static_cast<char>(text.size() & 0xff);
  file += static_cast<char>(text.size() >> 8);
  if (major > 1) file += std::string(2, '\0');
  return file + text + std::string(data);
}

Tensor parse(const std::string& file) { return parse_npy(bytes_of(file), "t.npy"); }

template <class T>
std::vector<T> values(const Tensor& tensor) {
  return {tensor.data<T>().begin(), tensor.data<T>().end()};
}

TEST(Npy, HeaderIsNumpysOwn) {
  const std::string header = npy_header({DataType::kFloat32, {3, 4}});
  EXPECT_EQ(header.size() % 64, 0u);
  EXPECT_EQ(header.substr(0, 10), std::string("\x93NUMPY\x01\x00v\x00", 10));
  EXPECT_THAT(header, ::testing::HasSubstr(
                          "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }   "));
  EXPECT_EQ(header.back(), '\n');
}

TEST(Npy, EveryTypeSurvivesSaveAndLoad) {
  const TempDir folder;
  for (int type = 0; type < kDataTypeCount; ++type) {
    const auto dtype = static_cast<DataType>(type);
    const Tensor tensor = cast(Tensor::from<float>({2, 2}, {0.0f, 1.0f, 1.0f, 3.0f}), dtype);
    if (dtype == DataType::kBFloat16) {
      expect_error(ErrorKind::kUnsupported, {"cannot hold bfloat16", "cast", "float32"},
                   [&] { save_npy(folder / "t.npy", tensor); });
      continue;
    }
    save_npy(folder / "t.npy", tensor);
    const Tensor loaded = load_npy(folder / "t.npy");
    EXPECT_EQ(loaded.type(), tensor.type());
    EXPECT_EQ(to_doubles(loaded), to_doubles(tensor));
  }
}

TEST(Npy, ReadsAllHeaderVersionsAndShapes) {
  for (const char major : {'\1', '\2', '\3'}) {
    const Tensor tensor =
        parse(npy("{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }", "abc", major));
    EXPECT_EQ(tensor.shape(), Shape{3});
    EXPECT_EQ(values<uint8_t>(tensor), (std::vector<uint8_t>{'a', 'b', 'c'}));
  }
  EXPECT_EQ(parse(npy("{'descr':'|u1','fortran_order':False,'shape':()}", "x")).shape(), Shape{});
  EXPECT_EQ(parse(npy("{'shape': (0, 7), 'descr': '<f8', 'fortran_order': False}", "")).size(), 0);
}

TEST(Npy, FortranOrderIsConverted) {
  const Tensor tensor =
      parse(npy("{'descr': '|i1', 'fortran_order': True, 'shape': (2, 3), }", "adbecf"));
  EXPECT_EQ(values<int8_t>(tensor), (std::vector<int8_t>{'a', 'b', 'c', 'd', 'e', 'f'}));
}

TEST(Npy, BooleansBecomeZeroOrOne) {
  const Tensor tensor = parse(npy("{'descr': '|b1', 'fortran_order': False, 'shape': (2,), }",
                                  std::string_view("\x02\x00", 2)));
  EXPECT_EQ(static_cast<const uint8_t*>(tensor.raw())[0], 1);
  EXPECT_EQ(values<bool>(tensor), (std::vector<bool>{true, false}));
}

TEST(Npy, RefusesBadFiles) {
  const std::string good = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", "abcd");
  const auto dict = [](std::string_view descr, std::string_view shape) {
    return npy(fmt::format("{{'descr': {}, 'fortran_order': False, 'shape': {}, }}", descr, shape),
               "abcd");
  };
  const struct {
    std::string title;
    std::string file;
    std::initializer_list<std::string_view> parts;
  } cases[] = {
      {"empty", "", {"t.npy", "no .npy magic"}},
      {"foreign", "PK\3\4 not numpy", {"t.npy", "no .npy magic"}},
      {"version", npy("{}", "", '\7'), {".npy version 7", "expected 1, 2 or 3"}},
      {"cut header", good.substr(0, 30), {"t.npy", "ends early", "offset 10"}},
      {"cut data", good.substr(0, good.size() - 1), {"float32(1,)", "found 3 bytes"}},
      {"trailing bytes", good + "x", {"found 5 bytes"}},
      {"huge header", std::string("\x93NUMPY\2\0\xff\xff\xff\x7f", 12), {"header of 2147483647"}},
      {"no dictionary", npy("[1]", ""), {"column 0", "expected {", "[1]"}},
      {"missing key", npy("{'descr': '<f4'}", ""), {"lacks"}},
      {"twice", npy("{'descr': '<f4', 'descr': '<f4'}", ""), {"unexpected key 'descr'"}},
      {"other key", npy("{'evil': 1}", ""), {"unexpected key 'evil'"}},
      {"open string", npy("{'descr", ""), {"expected a closed string"}},
      {"after it", npy("{'descr':'<f4','fortran_order':False,'shape':()} 1", ""), {"the end of"}},
      {"objects", dict("'|O'", "(1,)"), {"t.npy", "object array", "pickle"}},
      {"big-endian", dict("'>f4'", "(1,)"), {"big-endian", ">f4"}},
      {"complex", dict("'<c8'", "(1,)"), {"'c8'", "expected one of f2"}},
      {"structured", dict("[('a', '<f4')]", "(1,)"), {"structured"}},
      {"negative", dict("'<f4'", "(-1,)"), {"t.npy", "negative dimension -1"}},
      {"rank 9", dict("'<f4'", "(1,1,1,1,1,1,1,1,1)"), {"t.npy", "more than 8 dimensions"}},
      {"overflow", dict("'<f4'", "(4611686018427387904, 16)"), {"t.npy", "too many elements"}},
      {"absurd", dict("'<f8'", "(4611686018427387904,)"), {"found 4 bytes"}},
      {"word", dict("'<f4'", "(x,)"), {"expected a dimension", "found 'x"}},
      {"no number", dict("'<f4'", "(99999999999999999999,)"), {"expected a dimension"}},
  };
  for (const auto& test : cases) {
    SCOPED_TRACE(test.title);
    expect_bad_input(test.parts, [&] { parse(test.file); });
  }
}

TEST(Npz, SurvivesSaveAndLoad) {
  const TempDir folder;
  const TensorMap saved = {{"a", Tensor::from<float>({2}, {1.5f, -2.0f})},
                           {"image", Tensor(DataType::kUInt8, {0, 3})},
                           {"s", Tensor::scalar<int64_t>(7)}};
  save_npz(folder / "t.npz", saved);
  const TensorMap loaded = load_npz(folder / "t.npz");
  ASSERT_EQ(loaded.size(), 3u);
  for (const auto& [name, tensor] : saved) {
    EXPECT_EQ(loaded.at(name).type(), tensor.type());
    EXPECT_EQ(to_doubles(loaded.at(name)), to_doubles(tensor));
  }
}

TEST(Npz, ReadsWhatNumpyCompressed) {
  const TensorMap reference =
      load_npz(testing::source_path("examples/transfer_cube/reference.npz"));
  EXPECT_EQ(reference.at("image").type(), (TensorType{DataType::kUInt8, {8, 3, 3, 240, 320}}));
  EXPECT_EQ(reference.at("action").type(), (TensorType{DataType::kFloat32, {8, 100, 14}}));
  EXPECT_EQ(reference.at("episode").dtype(), DataType::kInt64);
}

TEST(Npz, ErrorsNameTheMember) {
  const TempDir folder;
  testing::write_text(folder / "t.npz", "not an archive at all, but long enough");
  expect_bad_input({"t.npz", "no ZIP end record"}, [&] { load_npz(folder / "t.npz"); });
}

}  // namespace
}  // namespace tendon
