#include "onnx/wire.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/limits.h"
#include "support/onnx_builder.h"

namespace tendon {
namespace {

using testing::as_bytes;
using ::testing::HasSubstr;

std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kBadInput);
    return error.what();
  }
  return "no error";
}

void read_all(std::string_view text) {
  WireReader reader(as_bytes(text));
  for (WireField field; reader.next(field);) {
  }
}

TEST(Wire, ReadsBackWhatTheWriterWrote) {
  WireWriter inner;
  inner.integer(1, -5);
  WireWriter writer;
  writer.integer(1, INT64_MIN);
  writer.real(2, 1.5f);
  writer.text(3, "ä");
  writer.message(536870911, inner);

  WireReader reader(as_bytes(writer.bytes()));
  WireField field;
  ASSERT_TRUE(reader.next(field));
  EXPECT_EQ(field.integer(), INT64_MIN);
  ASSERT_TRUE(reader.next(field));
  EXPECT_EQ(field.real(), 1.5f);
  ASSERT_TRUE(reader.next(field));
  EXPECT_EQ(field.text(), "ä");
  ASSERT_TRUE(reader.next(field));
  EXPECT_EQ(field.number, 536870911u);
  WireReader nested(field);
  ASSERT_TRUE(nested.next(field));
  EXPECT_EQ(field.integer(), -5);
  EXPECT_FALSE(reader.next(field));
}

TEST(Wire, ReadsRepeatedNumbersPackedOrNot) {
  const std::vector<int64_t> values = {0, -1, 300};
  const std::vector<float> reals = {0.5f, -2.0f};
  WireWriter packed;
  packed.packed_integers(1, values);
  packed.packed_reals(2, reals);
  WireWriter single;
  for (const int64_t value : values) single.integer(1, value);
  for (const float value : reals) single.real(2, value);
  for (const WireWriter& writer : {packed, single}) {
    std::vector<int64_t> read_values;
    std::vector<float> found;
    WireReader reader(as_bytes(writer.bytes()));
    for (WireField field; reader.next(field);) {
      if (field.number == 1) {
        read_varints(field, [&](uint64_t v) { read_values.push_back(static_cast<int64_t>(v)); });
      } else {
        read_reals<float>(field, [&](float v) { found.push_back(v); });
      }
    }
    EXPECT_EQ(read_values, values);
    EXPECT_EQ(found, reals);
  }
}

TEST(Wire, RefusesDamage) {
  using namespace std::string_literals;
  const struct {
    std::string bytes;
    std::string_view message;
  } cases[] = {
      {"\x08"s, "byte 1: the message ends inside a number"},
      {"\x08\x80"s, "the message ends inside a number"},
      {"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"s, "more than 64 bits"},
      {"\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"s, "more than 64 bits"},
      {"\x12\x05"s + "abc", "5 bytes are announced, but the message ends after 3"},
      {"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s, "18446744073709551615 bytes are announced"},
      {"\x0d\x00\x00"s, "4 bytes are announced"},
      {"\x09\x00\x00"s, "8 bytes are announced"},
      {"\x0b\x0c"s, "field 1 has wire type 3"},
      {"\x0c"s, "field 1 has wire type 4"},
      {"\x0f"s, "field 1 has wire type 7"},
      {"\x00\x00"s, "0 is no field number"},
      {"\x80\x80\x80\x80\x10\x00"s, "536870912 is no field number"},
  };
  for (const auto& [bytes, message] : cases) {
    EXPECT_THAT(error_of([&, text = bytes] { read_all(text); }), HasSubstr(message));
  }
}

TEST(Wire, RefusesFieldsOfAnotherType) {
  WireWriter writer;
  writer.text(4, "abc");
  WireField field;
  WireReader(as_bytes(writer.bytes())).next(field);
  EXPECT_THAT(error_of([&] { field.integer(); }),
              HasSubstr("field 4 at byte 2 is bytes, expected a varint"));
  WireWriter number;
  number.integer(2, int64_t{1} << 40);
  WireReader(as_bytes(number.bytes())).next(field);
  EXPECT_THAT(error_of([&] { field.text(); }), HasSubstr("field 2 is a varint, expected bytes"));
  EXPECT_THAT(error_of([&] { field.small_integer(); }), HasSubstr("does not fit 32 bits"));
}

TEST(Wire, TakesOnlyValidUtf8AsText) {
  for (const std::string good : {"", "a", "é", "€", "😀", "\u07ff\u0800\uffff"}) {
    WireWriter writer;
    writer.text(1, good);
    WireField field;
    WireReader(as_bytes(writer.bytes())).next(field);
    EXPECT_EQ(field.text(), good);
  }
  for (const std::string bad : {"\x80", "\xc0\xaf", "\xc3", "\xe0\x80\x80", "\xed\xa0\x80",
                                "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xff", "a\xe2\x82"}) {
    WireWriter writer;
    writer.text(1, bad);
    WireField field;
    WireReader(as_bytes(writer.bytes())).next(field);
    EXPECT_THAT(error_of([&] { field.text(); }), HasSubstr("is not valid UTF-8"));
    EXPECT_EQ(field.raw_text(), bad);
  }
}

TEST(Wire, BoundsStrings) {
  WireWriter writer;
  writer.text(1, std::string(limits().max_string_bytes + 1, 'a'));
  WireField field;
  WireReader(as_bytes(writer.bytes())).next(field);
  EXPECT_THAT(error_of([&] { field.text(); }), HasSubstr("more than the limit of 1048576"));
}

}  // namespace
}  // namespace tendon
