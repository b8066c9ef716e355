#include "base/json.h"

#include "base/limits.h"
#include "support/files.h"

namespace tendon {
namespace {

using testing::expect_bad_input;

TEST(Json, ReadsWhatIsValid) {
  const Json value = parse_json(R"({"a": [1, 2.5, null], "b": {"a": "x"}})", "t");
  EXPECT_EQ(value["a"][1], 2.5);
  EXPECT_EQ(json_string(json_member(json_member(value, "b", "t"), "a", "t"), "t"), "x");
}

TEST(Json, RefusesBadText) {
  const std::string deep(100, '[');
  const struct {
    std::string text;
    std::initializer_list<std::string_view> parts;
  } cases[] = {
      {"", {"t.json", "line 1"}},
      {"{\"a\": 1,\n  oops}", {"t.json", "line 2, column 3", "not valid JSON"}},
      {"{\"a\": 1} x", {"not valid JSON"}},
      {"{\"a\": 1, \"b\": 2, \"a\": 3}", {"t.json", "key 'a' appears twice"}},
      {"[{\"k\": {\"k\": 1, \"k\": 1}}]", {"key 'k' appears twice"}},
      {deep, {"t.json", "deeper than the limit of 64"}},
      {"[NaN]", {"not valid JSON"}},
      {"[1e999]", {"t.json"}},
      {"[\"\xff\"]", {"not valid JSON"}},
  };
  for (const auto& test : cases) {
    SCOPED_TRACE(test.text.substr(0, 40));
    expect_bad_input(test.parts, [&] { parse_json(test.text, "t.json"); });
  }
}

TEST(Json, MembersOfTheWrongKindAreNamed) {
  const Json value = parse_json(R"({"a": 1.5, "big": 18446744073709551615})", "t");
  expect_bad_input({"t", "key 'z' is missing"}, [&] { json_member(value, "z", "t"); });
  expect_bad_input({"expected an object with 'z', found number"},
                   [&] { json_member(value["a"], "z", "t"); });
  expect_bad_input({"expected a string, found number"}, [&] { json_string(value["a"], "t"); });
  expect_bad_input({"expected an integer, found 1.5"}, [&] { json_integer(value["a"], "t"); });
  expect_bad_input({"expected an integer"}, [&] { json_integer(value["big"], "t"); });
}

TEST(Json, SizeIsBounded) {
  const size_t previous = limits().max_json_bytes;
  limits().max_json_bytes = 4;
  expect_bad_input({"5 bytes", "limit of 4"}, [] { parse_json("[1,2]", "t"); });
  limits().max_json_bytes = previous;
}

}  // namespace
}  // namespace tendon
