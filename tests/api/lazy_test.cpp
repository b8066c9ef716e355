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
constexpr auto Scale = kLazy<scale, 1>;

int double_of(Loadable<int> value) { return 2 * value(); }
constexpr auto DoubleOf = kLazy<double_of>;

TEST(Lazy, RunsNothingUntilItIsCalledAndThenEachTime) {
  calls = 0;
  int read = 0;
  const auto lazy = Scale([&] { return ++read; }, {"a", "b"});
  EXPECT_EQ(calls + read, 0);
  EXPECT_EQ(lazy(), "2rad2");
  EXPECT_EQ(lazy(), "4rad2");
  EXPECT_EQ(calls, 2);
}

TEST(Lazy, TakesValuesLoadersAndBracedOptions) {
  EXPECT_EQ(Scale(3, {}, {.factor = 10, .unit = "deg"})(), scale(3, {}, {10, "deg"}));
  EXPECT_EQ(Scale(DoubleOf(DoubleOf(3)), {"a"})(), "24rad1");
  const auto six = DoubleOf(3);
  EXPECT_EQ(Scale(six, {})(), scale(six(), {}));
}

TEST(Lazy, LoadersOfNamedValuesAreNoDeclarations) {
  const int three = 3;
  Loadable<int> six(DoubleOf(three));
  EXPECT_EQ(six(), 6);
}

template <class... Args>
constexpr bool kScaleTakes = std::is_invocable_v<decltype(Scale), Args...>;
static_assert(kScaleTakes<int, std::vector<std::string>>);
static_assert(!kScaleTakes<int>, "only the last argument is optional");
static_assert(!kScaleTakes<std::string, std::vector<std::string>>, "wrong types do not convert");

}  // namespace
}  // namespace tendon
