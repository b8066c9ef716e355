#include "policy/safetensors.h"

#include <limits>

#include "base/byte_reader.h"
#include "base/limits.h"
#include "support/files.h"
#include "support/torch_files.h"

namespace tendon {
namespace {

using testing::expect_bad_input;
using testing::expect_error;
using testing::safetensors_file;

StateDict parse(const std::string& bytes) {
  return parse_safetensors(bytes_of(bytes), "m.safetensors", nullptr);
}

std::string entry(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return fmt::format(R"({{"dtype":"{}","shape":{},"data_offsets":{}}})", dtype, shape, offsets);
}

TEST(Safetensors, GivesTensorsInTheOrderOfTheirPlaces) {
  const auto tensors = testing::act_tensors({.lerobot = true});
  const std::string file = safetensors_file(tensors);
  EXPECT_TRUE(looks_like_safetensors(bytes_of(file)));
  const StateDict weights = parse(file);
  ASSERT_EQ(weights.tensors().size(), tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i) {
    EXPECT_EQ(weights.tensors()[i].name, tensors[i].name);
    EXPECT_EQ(weights.tensors()[i].tensor, tensors[i].tensor);
  }
}

TEST(Safetensors, ReadsEveryElementType) {
  const struct {
    const char* dtype;
    std::string data;
    double value;
  } cases[] = {
      {"F64", std::string("\0\0\0\0\0\0\x04\x40", 8), 2.5},
      {"F16", std::string("\0\x41", 2), 2.5},
      {"BF16", std::string("\x20\x40", 2), 2.5},
      {"I64", std::string("\7\0\0\0\0\0\0\0", 8), 7},
      {"I32", std::string("\7\0\0\0", 4), 7},
      {"I16", std::string("\7\0", 2), 7},
      {"I8", "\xff", -1},
      {"U8", "\xff", 255},
      {"BOOL", "\1", 1},
  };
  for (const auto& [dtype, data, value] : cases) {
    const std::string header =
        "{\"x\":" + entry(dtype, "[1]", fmt::format("[0,{}]", data.size())) + "}";
    EXPECT_EQ(to_doubles(*parse(safetensors_file(header, data)).find("x")),
              std::vector<double>{value})
        << dtype;
  }
  // A scalar and an empty tensor; the second tensor is not aligned.
  const StateDict odd = parse(safetensors_file("{\"a\":" + entry("U8", "[1]", "[0,1]") +
                                                   ",\"b\":" + entry("F32", "[]", "[1,5]") +
                                                   ",\"c\":" + entry("F32", "[0,3]", "[5,5]") + "}",
                                               std::string("\1\0\0\x20\x40", 5)));
  EXPECT_EQ(to_doubles(*odd.find("b")), std::vector<double>{2.5});
  EXPECT_EQ(odd.find("c")->shape(), (Shape{0, 3}));
}

TEST(Safetensors, RefusesBadFiles) {
  const std::string x = entry("F32", "[2]", "[0,8]");
  const std::string eight(8, '\0');
  const auto with = [&](const std::string& header) { return safetensors_file(header, eight); };
  const struct {
    const char* title;
    std::string file;
    std::initializer_list<std::string_view> parts;
  } cases[] = {
      {"empty", "", {"m.safetensors", "ends early"}},
      {"short", "\1\0\0", {"ends early"}},
      {"pointer", "version https://git-lfs.github.com/spec/v1\n", {"Git LFS pointer"}},
      {"header past the end", std::string("\xff\0\0\0\0\0\0\0{}", 10), {"ends early", "255 bytes"}},
      {"header of 2^63",
       std::string("\0\0\0\0\0\0\0\x80{}", 10),
       {"header of 9223372036854775808"}},
      {"no object", with("[]"), {"no JSON object"}},
      {"no JSON", with("{x}"), {"header", "line 1", "not valid JSON"}},
      {"duplicate key", with("{\"x\":" + x + ",\"x\":" + x + "}"), {"'x' appears twice"}},
      {"deep", with("{\"x\":" + std::string(100, '[') + std::string(100, ']') + "}"), {"nested"}},
      {"entry is no object", with("{\"x\":3}"), {"tensor 'x'", "expected an object"}},
      {"no dtype", with("{\"x\":{\"shape\":[2],\"data_offsets\":[0,8]}}"), {"'dtype' is missing"}},
      {"no offsets",
       with("{\"x\":{\"dtype\":\"F32\",\"shape\":[2]}}"),
       {"'data_offsets' is missing"}},
      {"shape is no list",
       with("{\"x\":" + entry("F32", "2", "[0,8]") + "}"),
       {"array of integers"}},
      {"negative dimension",
       with("{\"x\":" + entry("F32", "[-2]", "[0,8]") + "}"),
       {"-2 is negative"}},
      {"fraction", with("{\"x\":" + entry("F32", "[2.5]", "[0,8]") + "}"), {"expected an integer"}},
      {"rank 9",
       with("{\"x\":" + entry("F32", "[1,1,1,1,1,1,1,1,2]", "[0,8]") + "}"),
       {"tensor 'x'", "dimensions"}},
      {"overflowing shape",
       with("{\"x\":" + entry("F32", "[4611686018427387904,4]", "[0,8]") + "}"),
       {"tensor 'x'"}},
      {"shape against bytes",
       with("{\"x\":" + entry("F32", "[3]", "[0,8]") + "}"),
       {"does not fill the 8 bytes"}},
      {"three offsets",
       with("{\"x\":" + entry("F32", "[2]", "[0,8,8]") + "}"),
       {"data_offsets [0, 8, 8]"}},
      {"reversed", with("{\"x\":" + entry("F32", "[2]", "[8,0]") + "}"), {"data_offsets [8, 0]"}},
      {"past the end",
       with("{\"x\":" + entry("F32", "[3]", "[0,12]") + "}"),
       {"inside the 8 bytes"}},
      {"negative offset",
       with("{\"x\":" + entry("F32", "[2]", "[-8,0]") + "}"),
       {"-8 is negative"}},
      {"overlap",
       with("{\"x\":" + x + ",\"y\":" + entry("F32", "[1]", "[4,8]") + "}"),
       {"'y' starts at byte 4", "overlap"}},
      {"same place", with("{\"x\":" + x + ",\"y\":" + x + "}"), {"starts at byte 0", "overlap"}},
      {"hole at the start",
       with("{\"x\":" + entry("F32", "[1]", "[4,8]") + "}"),
       {"'x' starts at byte 4", "holes"}},
      {"hole at the end",
       with("{\"x\":" + entry("F32", "[1]", "[0,4]") + "}"),
       {"4 bytes after the last tensor"}},
      {"nothing but data", with("{}"), {"8 bytes after the last tensor"}},
  };
  for (const auto& test : cases) {
    SCOPED_TRACE(test.title);
    expect_bad_input(test.parts, [&] { parse(test.file); });
  }
  expect_error(ErrorKind::kUnsupported, {"tensor 'x'", "'F8_E4M3'"},
               [&] { parse(with("{\"x\":" + entry("F8_E4M3", "[8]", "[0,8]") + "}")); });
}

TEST(Safetensors, BoundsTheNumberOfTensors) {
  const int64_t previous = limits().max_initializers;
  limits().max_initializers = 3;
  std::string header = "{";
  for (int i = 0; i < 4; ++i) {
    header += fmt::format("{}\"t{}\":{}", i == 0 ? "" : ",", i, entry("U8", "[0]", "[0,0]"));
  }
  expect_bad_input({"4 tensors", "limit of 3"}, [&] { parse(safetensors_file(header + "}", "")); });
  limits().max_initializers = previous;
}

TEST(Safetensors, EveryTruncationAndEveryByteFlipIsHandled) {
  const std::string good = safetensors_file(
      "{\"a\":" + entry("F32", "[2]", "[0,8]") + ",\"b\":" + entry("U8", "[1]", "[8,9]") + "}",
      std::string(9, '\1'));
  ASSERT_NO_THROW(parse(good));
  for (size_t length = 0; length < good.size(); ++length) {
    EXPECT_THROW(parse(good.substr(0, length)), Error) << length;
  }
  for (size_t at = 0; at < good.size(); ++at) {
    for (const int flip : {0x01, 0x80, 0xff}) {
      std::string file = good;
      file[at] = static_cast<char>(file[at] ^ flip);
      try {
        parse(file);
      } catch (const Error& error) {
        EXPECT_NE(error.kind(), ErrorKind::kInternal) << error.what();
      }
    }
  }
}

}  // namespace
}  // namespace tendon
