// Timing caches: round trips, other machines, hostile files, and what makes layers alike.
#include "engine/timing_cache.h"

#include <tendon/log.h>

#include "support/files.h"
#include "support/graphs.h"
#include "support/networks.h"

namespace tendon {
namespace {

using testing::expect_error;
using testing::LogCapture;
using testing::TempDir;

TimingCache some_cache() {
  TimingCache cache("this machine");
  cache.add("a layer", {{"cpu/fast", 10}, {"cpu/slow", 20}});
  return cache;
}

TEST(TimingCache, ComesBackAsItWasWritten) {
  const TempDir folder;
  const std::string path = folder / "timing.cache";
  TimingCache fresh("this machine");
  fresh.load(path);
  EXPECT_EQ(fresh.size(), 0u) << "a file that is not there yet is none";
  some_cache().save(path);
  fresh.load(path);
  ASSERT_NE(fresh.find("a layer"), nullptr);
  EXPECT_EQ(*fresh.find("a layer"), *some_cache().find("a layer"));
  EXPECT_EQ(fresh.find("another layer"), nullptr);
}

TEST(TimingCache, SavingKeepsWhatOthersAdded) {
  const TempDir folder;
  const std::string path = folder / "timing.cache";
  TimingCache mine("this machine"), theirs("this machine"), both("this machine");
  mine.add("mine", {{"cpu/a", 1}});
  mine.add("shared", {{"cpu/a", 2}});
  theirs.add("theirs", {{"cpu/a", 3}});
  theirs.add("shared", {{"cpu/a", 4}, {"cpu/b", 5}});
  theirs.save(path);
  mine.save(path);
  both.load(path);
  EXPECT_EQ(both.size(), 3u);
  EXPECT_EQ(*both.find("shared"), (TimingCache::Times{{"cpu/a", 2}, {"cpu/b", 5}}));
}

TEST(TimingCache, OfAnotherMachineIsNotUsedAndSaysSo) {
  const TempDir folder;
  const std::string path = folder / "timing.cache";
  some_cache().save(path);
  const LogCapture log;
  TimingCache other("a faster machine");
  other.load(path);
  EXPECT_EQ(other.size(), 0u);
  EXPECT_THAT(log.text(), ::testing::HasSubstr("another machine"));
  EXPECT_THAT(log.text(), ::testing::HasSubstr("this machine"));
  EXPECT_THAT(log.text(), ::testing::HasSubstr("a faster machine"));
}

TEST(TimingCache, RefusesWhatItCannotTrust) {
  const std::string head = R"({"format": "tendon timing cache", "version": 1, "machine": "m")";
  const struct {
    std::string text;
    std::initializer_list<std::string_view> says;
  } bad[] = {
      {"", {"cache.json"}},
      {"[]", {"expected an object"}},
      {R"({"format": "onnx"})", {"format 'onnx'", "expected 'tendon timing cache'"}},
      {R"({"format": "tendon timing cache", "version": 9})", {"version 9", "delete it"}},
      {R"({"format": "tendon timing cache", "version": 1})", {"machine"}},
      {head + "}", {"layers"}},
      {head + R"(, "layers": []})", {"layers", "array", "expected an object"}},
      {head + R"(, "layers": {"x": 1}})", {"layer 'x'", "number"}},
      {head + R"(, "layers": {"x": {"k": 0}}})", {"layer 'x'", "kernel 'k'", "0 ns"}},
      {head + R"(, "layers": {"x": {"k": -5}}})", {"-5 ns"}},
      {head + R"(, "layers": {"x": {"k": 1e300}}})", {"kernel 'k'"}},
      {head + R"(, "layers": {"x": {"k": 999999999999999}}})", {"expected 1 to"}},
      {head + R"(, "layers": {"x": {"k": "1"}}})", {"kernel 'k'"}},
  };
  for (const auto& file : bad) {
    SCOPED_TRACE(file.text);
    TimingCache cache("m");
    expect_error(ErrorKind::kBadInput, file.says, [&] { cache.merge(file.text, "cache.json"); });
    EXPECT_EQ(cache.size(), 0u);
  }
  std::string many = head + R"(, "layers": {"x": {)";
  for (int i = 0; i < 300; ++i) many += fmt::format("{}\"k{}\": 1", i == 0 ? "" : ",", i);
  TimingCache cache("m");
  expect_error(ErrorKind::kBadInput, {"300 kernels"}, [&] { cache.merge(many + "}}}", "f"); });
}

/// The key of a convolution's layer.
struct LayerCase {
  FusedConv op;
  Shape x = {1, 4, 8, 8};
  bool constant_weight = true;
  int threads = 2;
  bool winograd = true;
  std::vector<size_t> reusable = {};
  uint64_t seed = 1;

  std::string key() const {
    Node node;
    node.op = op;
    const Tensor weight = testing::random_tensor({4, 4, 3, 3}, seed);
    const Argument inputs[] = {{{DataType::kFloat32, x}, nullptr, true},
                               {weight.type(), constant_weight ? &weight : nullptr, true},
                               {}};
    const TensorType outputs[] = {{DataType::kFloat32, x}};
    return timing_key({node, inputs, outputs, threads, false, nullptr, winograd}, reusable);
  }
};

TEST(TimingKey, IsTheSameForLayersThatTakeTheSameTime) {
  EXPECT_EQ(LayerCase{.seed = 1}.key(), LayerCase{.seed = 2}.key()) << "other weights";
  QuantizedConv a, b;
  a.y_scale = 0.5F, b.y_scale = 0.25F;
  const auto key = [](const QuantizedConv& op) {
    Node node;
    node.op = op;
    return timing_key({node, {}, {}}, {});
  };
  EXPECT_EQ(key(a), key(b)) << "other scales";
}

TEST(TimingKey, TellsApartWhatMayTakeAnotherTime) {
  FusedConv strided, relu;
  strided.strides = {2, 2};
  relu.activation = Activation::kRelu;
  const LayerCase cases[] = {{},
                             {.op = strided},
                             {.op = relu},
                             {.x = {3, 4, 8, 8}},
                             {.constant_weight = false},
                             {.threads = 1},
                             {.winograd = false},
                             {.reusable = {0}}};
  std::set<std::string> keys;
  for (const LayerCase& layer : cases) keys.insert(layer.key());
  EXPECT_EQ(keys.size(), std::size(cases));
}

}  // namespace
}  // namespace tendon
