// Lazy and Loadable: one definition gives both twins, and nothing runs before the call.
#include <gtest/gtest.h>
#include <tendon/lazy.h>

#include <string>
#include <vector>

namespace tendon {
namespace {

int calls = 0;

struct Options {
  int factor = 2;
  std::string unit = "rad";
};

std::string scale(Loadable<int> value, std::vector<std::string> notes, Options options = {}) {
  ++calls;
  return std::to_string(value() * options.factor) + options.unit + std::to_string(notes.size());
}
using Scale = Lazy<scale, 1>;

int double_of(Loadable<int> value) { return 2 * value(); }
using DoubleOf = Lazy<double_of>;

TEST(Lazy, RunsNothingUntilItIsCalledAndThenEachTime) {
  calls = 0;
  int read = 0;
  const Scale lazy([&] { return ++read; }, {"a", "b"});
  EXPECT_EQ(calls + read, 0);
  EXPECT_EQ(lazy(), "2rad2");
  EXPECT_EQ(lazy(), "4rad2");
  EXPECT_EQ(calls, 2);
}

TEST(Lazy, TakesValuesLoadersAndBracedOptions) {
  EXPECT_EQ(Scale(3, {}, {.factor = 10, .unit = "deg"})(), scale(3, {}, {10, "deg"}));
  EXPECT_EQ(Scale(DoubleOf(3), {"a"})(), "12rad1");
  const DoubleOf six(3);
  EXPECT_EQ(Scale(six, {})(), scale(six(), {}));
}

TEST(Lazy, CopiesAreCopiesNotArguments) {
  DoubleOf four(2);
  DoubleOf copy(four);
  EXPECT_EQ(copy(), 4);
  EXPECT_EQ(DoubleOf(copy)(), 4);
}

template <class... Args>
constexpr bool kScaleTakes = std::is_constructible_v<Scale, Args...>;
static_assert(kScaleTakes<int, std::vector<std::string>>);
static_assert(!kScaleTakes<int>, "only the last argument is optional");
static_assert(!kScaleTakes<std::string, std::vector<std::string>>, "wrong types do not convert");

}  // namespace
}  // namespace tendon
